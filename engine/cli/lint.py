"""`lianxin lint WORKFLOW…`: every fault of the files in one run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.command import Session, command, single

if TYPE_CHECKING:
    from engine.cli.installation import Installation
    from engine.core.errors import Problem

app = single()
FINDINGS = 1


@command(
    app,
    "lint",
    "检查流程文件，一次列出全部问题与不妥之处；不给文件时检查项目的全部流程 · "
    "Check workflow files: all faults, and what is unwise, in one run; without files those of the project",
    project=True,
)
def lint(
    session: Session,
    workflows: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="WORKFLOW",
            help="流程文件，也可是 .map.yaml、.test.yaml · Workflow files; maps and scenario files too",
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="警告也算错误 · Warnings are errors too", show_default=False)
    ] = False,
    sarif: Annotated[
        bool, typer.Option("--sarif", help="结果写成 SARIF 2.1.0 · The result as SARIF 2.1.0", show_default=False)
    ] = False,
) -> int:
    from engine.cli.failures import sources_of
    from engine.cli.installation import Installation
    from engine.core import report

    installation = Installation(session)
    paths = list(workflows or []) or installation.assembly.workflow_files()
    problems = [problem for path in paths for problem in findings(installation, path)]
    problems = report.in_order(problems)
    errors = sum(problem.severity == "error" for problem in problems)
    screen = session.screen
    if sarif:
        screen.json = True
        screen.result(report.sarif(problems), ())
    else:
        said = {"files": [str(path) for path in paths], "errors": errors, "warnings": len(problems) - errors}
        text = report.text(problems, sources_of(problems), screen.language).rstrip("\n")
        screen.result({**said, "problems": report.as_json(problems)}, text.split("\n") if text else ())
    screen.note(_summary(len(paths), errors, len(problems) - errors))
    return FINDINGS if errors or (strict and problems) else 0


def findings(installation: Installation, path: Path) -> list[Problem]:
    """What is wrong, and what is unwise, in one file: a workflow, a map or scenarios. LX-190 (exit 3) if unreadable."""
    from engine.core.errors import LianxinError

    try:
        if path.name.endswith(".map.yaml"):
            from engine.runtime.files.map_reader import read_map

            read_map(path)
            return []
        if path.name.endswith(".test.yaml"):
            from engine.runtime.scenarios.reading import read_scenarios

            read_scenarios(path, installation.assembly)
            return []
        return _unwise(installation, path)
    except LianxinError as error:
        if not error.problems:
            raise
        return list(error.problems)


def _unwise(installation: Installation, path: Path) -> list[Problem]:
    """The linter's findings in a workflow that compiles. Roles and units are looked up where the file is at home."""
    from engine.language.lint import lint as unwise
    from engine.runtime.assembly import readable

    assembly = installation.assembly
    workflow = assembly.workflow(path)
    at_home = path.resolve().parent == assembly.folder.resolve()
    calendar = assembly.calendars().get(workflow.calendar)
    today = calendar.local_day(installation.now()) if calendar is not None else None
    templates = {found.stem for found in (assembly.folder / "letters").glob("*.yaml")}
    directory = assembly.directory(installation.settings.directory) if at_home else None
    return unwise(workflow, readable(path), calendar, directory, today=today, templates=templates)


def _summary(files: int, errors: int, warnings: int) -> str:
    if not errors and not warnings:
        return f"{files} 个文件，没有问题 · {files} files, no findings"
    return f"{files} 个文件：{errors} 个错误，{warnings} 个警告 · {files} files: {errors} errors, {warnings} warnings"
