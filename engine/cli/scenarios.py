"""`lianxin test [WORKFLOW…]`: the scenario files beside the workflows, on a virtual clock."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.command import Session, command, single

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.cli.screen import Screen
    from engine.core.model import JsonObject
    from engine.runtime.scenarios.coverage import Coverage
    from engine.runtime.scenarios.scenario import Failure, ScenarioResult

app = single()
FINDINGS = 1
ARROWS_SHOWN_MAX = 20


@command(
    app,
    "test",
    "运行流程旁的场景测试，并列出走过与没走过的流转 · Run the scenario files, and tell which arrows they took",
    project=True,
)
def run_scenarios(
    session: Session,
    workflows: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="WORKFLOW",
            help="流程文件或其 .test.yaml；缺省为项目的全部 · "
            "Workflow files or their .test.yaml; by default all of the project",
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="NAME", help="只运行这些场景 · Only these scenarios"),
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="另写 JUnit 报告 · Write a JUnit report as well")
    ] = None,
) -> int:  # fmt: skip
    from engine.cli.installation import Installation
    from engine.core.errors import LianxinError
    from engine.runtime.scenarios.scenario import coverage, run_file

    assembly = Installation(session).assembly
    files = [scenario_file(path) for path in workflows or []] or sorted(assembly.folder.glob(f"*{SUFFIX}"))
    wanted = set(only or ())
    screen = session.screen
    results: list[ScenarioResult] = []
    with screen.progress("场景 · Scenarios", len(files)) as advance:
        for done, path in enumerate(files):
            advance(done, path.name)
            results += run_file(path, assembly, only=wanted)
    missing = wanted - {result.name for result in results}
    if missing:
        from engine.core.report import suggest

        name = sorted(missing)[0]
        raise LianxinError("LX-922", exit_code=3, name=name, suggestion=suggest(name, _names(files)) or "")
    arrows = coverage(results)
    if junit is not None:
        junit.write_bytes(junit_report(results))
    screen.result(_said(results, arrows), _lines(results, arrows, screen))
    return 0 if all(result.passed for result in results) else FINDINGS


SUFFIX = ".test.yaml"


def scenario_file(path: Path) -> Path:
    """The scenarios that go with a path: itself, or those beside the workflow. LX-190 (exit 3) where there are none."""
    from engine.core.errors import LianxinError

    beside = path if path.name.endswith(SUFFIX) else path.with_name(path.name.removesuffix(".yaml") + SUFFIX)
    for wanted in (path, beside):
        if not wanted.is_file():
            raise LianxinError("LX-190", exit_code=3, file=str(wanted), reason="没有这个文件 no such file")
    return beside


def junit_report(results: Sequence[ScenarioResult]) -> bytes:
    """The results as JUnit XML: a suite per file, a case per scenario."""
    from xml.etree import ElementTree

    root = ElementTree.Element("testsuites", name="lianxin test")
    for file in dict.fromkeys(result.file for result in results):
        mine = [result for result in results if result.file == file]
        failures = sum(not result.passed for result in mine)
        suite = ElementTree.SubElement(
            root, "testsuite", name=file, tests=str(len(mine)), failures=str(failures), errors="0", skipped="0"
        )
        for result in mine:
            case = ElementTree.SubElement(suite, "testcase", classname=result.workflow, name=result.name, file=file)
            if not result.passed:
                failure = ElementTree.SubElement(case, "failure", message=result.failures[0].what)
                failure.text = "\n".join(_failure_text(one) for one in result.failures)
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _names(files: Sequence[Path]) -> list[str]:
    """The scenarios there are, for a did-you-mean."""
    from engine.language.yaml_source import load

    found: list[str] = []
    for path in files:
        data = load(path.read_bytes(), path.name).data
        scenarios = data.get("scenarios") if isinstance(data, dict) else None
        found += list(scenarios) if isinstance(scenarios, dict) else []
    return found


def _said(results: Sequence[ScenarioResult], arrows: Sequence[Coverage]) -> JsonObject:
    return {
        "passed": sum(result.passed for result in results),
        "failed": sum(not result.passed for result in results),
        "scenarios": [
            {
                "workflow": result.workflow,
                "name": result.name,
                "file": result.file,
                "steps": result.steps,
                "passed": result.passed,
                "failures": [
                    {
                        "step": one.step,
                        "place": one.place,
                        "what": one.what,
                        "expected": one.expected,
                        "found": one.found,
                    }
                    for one in result.failures
                ],
            }
            for result in results
        ],
        "coverage": [
            {
                "workflow": one.workflow,
                "percent": one.percent,
                "arrows": len(one.arrows),
                "taken": len(one.arrows & one.taken),
                "missing": [str(arrow) for arrow in one.missing],
            }
            for one in arrows
        ],
    }


def _lines(results: Sequence[ScenarioResult], arrows: Sequence[Coverage], screen: Screen) -> list[str]:
    lines = []
    for result in results:
        mark = "✓" if result.passed else "✗"
        lines.append(f"{mark} {result.workflow}  {result.name}")
        for one in result.failures:
            lines.append(f"    {one.place}  {screen.said(f'第 {one.step} 步 · step {one.step}')}: {one.what}")
            lines.append(f"        {screen.said('应为 · expected')} {one.expected}")
            lines.append(f"        {screen.said('实为 · found')}    {one.found}")
    for covered in arrows:
        taken, all_ = len(covered.arrows & covered.taken), len(covered.arrows)
        said = f"流转覆盖 {taken}/{all_}（{covered.percent}%） · arrows taken {taken} of {all_} ({covered.percent} %)"
        lines.append(f"{covered.workflow}: {screen.said(said)}")
        shown = covered.missing if screen.verbose else covered.missing[:ARROWS_SHOWN_MAX]
        lines += [f"    {screen.said('未走 · not taken')}: {arrow}" for arrow in shown]
        if len(shown) < len(covered.missing):
            lines.append(f"    … {len(covered.missing) - len(shown)} (-v)")
    failed = sum(not result.passed for result in results)
    passed = len(results) - failed
    return [*lines, screen.said(f"{passed} 个通过，{failed} 个未通过 · {passed} passed, {failed} failed")]


def _failure_text(one: Failure) -> str:
    return f"{one.place} step {one.step}: {one.what}\nexpected {one.expected}\nfound    {one.found}"
