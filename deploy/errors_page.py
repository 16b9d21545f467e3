"""docs/errors.md: what every code means and what to do about it, from the catalogue. `python deploy/errors_page.py`"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # as a script, the folder above is not on the path

from engine.core.catalogue import CODES, Entry  # noqa: E402

PAGE = ROOT / "docs" / "errors.md"
HEAD = """# 错误码 · Codes

<!-- 由 `python deploy/errors_page.py` 从目录生成，请勿手改 · made from the catalogue by that command; do not edit -->

每个错误都有一个代码、所在的位置、一句话和处理办法。`lianxin explain 代码` 显示同样的内容。
Every error has a code, a place, one sentence and what to do. `lianxin explain CODE` shows the same.
`{…}` 处填入具体的内容 · stands for the facts of each finding.
"""
AREAS = {
    "1": "读文件与表达式 · Reading files and expressions",
    "2": "流程文件的含义 · What workflow files mean",
    "3": "来件与映射 · Intake and maps",
    "4": "指令与事项 · Commands and cases",
    "5": "数据库、密钥与环境 · Store, keys and environment",
    "6": "审计证据 · Evidence",
    "7": "函件 · Letters",
    "8": "日历与名录 · Calendars and directory",
    "9": "命令行 · Command line",
}


def page() -> str:
    """The whole page; a code whose area has no heading is a KeyError."""
    parts = [HEAD]
    last = ""
    for code, entry in CODES.items():
        area = code.removeprefix("LX-")[0]
        if area != last:
            parts.append(f"## {AREAS[area]}\n")
            last = area
        parts.append(_entry(code, entry))
    return "\n".join(parts)


def _entry(code: str, entry: Entry) -> str:
    return "\n".join(
        [
            f"### {code}",
            "",
            f"{_quoted(entry.zh)} · {_quoted(entry.en)}",
            "",
            f"→ {_quoted(entry.remedy_zh)} · {_quoted(entry.remedy_en)}",
            "",
        ]
    )


def _quoted(text: str) -> str:
    """As Markdown shows it: a text as it stands, facts by one name in both languages."""
    text = re.sub(r"\{(\w+)_(?:en|zh)\}", r"{\1}", text)
    return text.replace("*", "\\*").replace("<", "\\<")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
