"""What is said about settings (LX-540 … LX-546)."""

from __future__ import annotations

from engine.core.catalogue.entry import Entry

CODES: dict[str, Entry] = {
    "LX-540": Entry(
        zh="设置有 {count} 处问题。",
        en="The settings have {count} faults.",
        remedy_zh="请逐条更正下列问题；lianxin config show 可查看每项设置的来源。",
        remedy_en="Mend the findings listed with it; `lianxin config show` says where each setting comes from.",
    ),
    "LX-541": Entry(
        zh="没有“{key}”这项设置。",
        en="There is no setting `{key}`.",
        remedy_zh="请检查拼写；lianxin config show 列出全部设置。",
        remedy_en="Check the spelling; `lianxin config show` lists all settings.",
    ),
    "LX-542": Entry(
        zh="环境变量 {variable} 不对应任何设置。",
        en="The environment variable {variable} stands for no setting.",
        remedy_zh="请检查拼写，或取消该变量（unset {variable}）。",
        remedy_en="Check the spelling, or `unset {variable}`.",
    ),
    "LX-543": Entry(
        zh="lianxin.toml 的语法有误：{reason}。",
        en="lianxin.toml is not valid TOML: {reason}.",
        remedy_zh='文字要加引号，来源名称含冒号时也要加引号：[sources."urn:city:hotline"]。',
        remedy_en='Quote texts, and names with colons: [sources."urn:city:hotline"].',
    ),
    "LX-544": Entry(
        zh="打不开设置文件 {file}：{reason}。",
        en="The settings in {file} cannot be read: {reason}.",
        remedy_zh="请检查文件权限，并以 UTF-8 保存。",
        remedy_en="Check its permissions, and save it as UTF-8.",
    ),
    "LX-545": Entry(
        zh="{table} 缺少“{key}”。",
        en="{table} lacks `{key}`.",
        remedy_zh='每个来源要写明 commands 和 roles：可列名称，或写 "*" 表示全部。',
        remedy_en='Every source says which commands and roles it may use: a list of names, or "*" for all.',
    ),
    "LX-546": Entry(
        zh="“{key}”的值不能用：{reason}。",
        en="The value of `{key}` cannot be used: {reason}.",
        remedy_zh="请参照文档 settings 一页改正。",
        remedy_en="Correct it; the settings page of the documentation shows each with an example.",
    ),
}
