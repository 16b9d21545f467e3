"""What is said about the files that ship with lianxin (LX-590)."""

from __future__ import annotations

from engine.core.catalogue.entry import Entry

CODES = {
    "LX-590": Entry(
        zh="找不到随连心提供的流程文件，已查找：{places}。",
        en="The workflows that ship with lianxin are missing. Looked in: {places}.",
        remedy_zh="请重新安装：pip install --force-reinstall lianxin；从源码运行时，请确认检出目录中有 workflows/。",
        remedy_en="Install again: pip install --force-reinstall lianxin. In a source checkout, restore workflows/.",
    ),
}
