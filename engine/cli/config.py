"""`lianxin config show`: every setting and where it comes from."""

from __future__ import annotations

from engine.cli.command import Session, command, group

app = group("config", "查看设置及其来源 · Settings with their origin")

ORIGINS = {
    "flag": "参数 · flag",
    "environment": "环境变量 · environment",
    "file": "文件 · file",
    "default": "缺省 · default",
}


@command(
    app,
    "show",
    "每项设置的值与来源（参数、环境变量、lianxin.toml、缺省） · "
    "Each setting with its origin: flag, variable, file or default",
    project=True,
)
def show(session: Session) -> None:
    from engine.cli.installation import Installation
    from engine.settings import variable_of

    installation = Installation(session)
    settings, screen = installation.settings, session.screen
    rows = []
    for key, value in settings.shown():
        origin, variable = settings.origin(key), variable_of(key)
        rows.append({"key": key, "value": value, "origin": origin.kind, "where": origin.where, "variable": variable})
    cells = ((r["key"], r["value"], screen.said(ORIGINS[r["origin"]]), r["where"]) for r in rows)
    heads = ("设置 · Setting", "值 · Value", "来源 · Origin", "")
    screen.result({"project": str(installation.project), "settings": rows}, screen.table(heads, cells))
