"""The command line as such: help pages, languages, what goes where, and one clear error whatever is typed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from cli_parts import COMPLAINT, ROOT, Cli, real

from engine.cli import explain, reference
from engine.cli.help import cells, wrapped
from engine.cli.main import COMMANDS
from engine.cli.screen import in_language, preferred_language
from engine.core.actions import ActionSpec, Param
from engine.core.catalogue import CODES
from engine.core.refusals import SENTENCES, why_refused


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(tmp_path, monkeypatch, capsys)


# ── help ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_help_page_lists_every_command_and_loads_none(cli: Cli) -> None:
    script = """
import sys
from engine.app import assemble
from engine.cli.main import run
run(assemble, ["--help"])
heavy = {"sqlalchemy", "pysqlite3", "pydantic", "cel_expr_python", "transitions", "rich.console", "yaml", "orjson"}
print(sorted(heavy & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    for name in COMMANDS:
        assert f"  {name} " in done.stdout


def test_every_command_explains_itself_in_both_languages(cli: Cli) -> None:
    for part in reference.pages():
        assert "None" not in part
    for name in COMMANDS:
        ran = cli.ok(name, "--help")
        assert "用法 · Usage: lianxin " + name in ran.out
        assert "--json" in ran.out or "命令 · Commands" in ran.out


def test_the_reference_is_what_the_help_pages_say() -> None:
    written = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert written == "\n".join(reference.pages()) + "\n", "run: lianxin reference > docs/cli.md"


@pytest.mark.parametrize("name", ["rhythm", "--help", "-h"])
def test_what_is_no_command_is_a_usage_error(cli: Cli, name: str) -> None:
    ran = cli("case", name, "x") if name != "--help" else cli("case", "list", "--halp")
    assert ran.code == 2
    assert "LX-900" in ran.err
    assert ran.out == ""


def test_a_slip_in_a_command_is_answered_with_the_right_one(cli: Cli) -> None:
    assert "是否想写 lint" in cli("lnit").err or "是否想写 init" in cli("lnit").err
    assert "did you mean show" in cli("--language", "en", "case", "shwo", "x").err


# ── language ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("flag", "environ", "language"),
    [
        ("", {}, "zh+en"),
        ("", {"LANG": "C.UTF-8"}, "zh+en"),
        ("", {"LANG": "zh_CN.UTF-8"}, "zh"),
        ("", {"LANG": "en_US.UTF-8"}, "en"),
        ("", {"LANG": "en_US.UTF-8", "LC_ALL": "zh_CN.UTF-8"}, "zh"),
        ("", {"LANG": "zh_CN.UTF-8", "LIANXIN_LANGUAGE": "en"}, "en"),
        ("zh", {"LIANXIN_LANGUAGE": "en"}, "zh"),
    ],
)
def test_the_language_is_that_of_the_flag_then_the_setting_then_the_locale(
    flag: str, environ: dict[str, str], language: str
) -> None:
    assert preferred_language(flag, environ) == language


def test_help_and_errors_are_in_the_language_asked_for(cli: Cli) -> None:
    english = cli.ok("--language", "en", "case", "--help").out
    assert "Usage: lianxin case" in english
    assert not any(character >= "\u4e00" for character in english)
    chinese = cli("explain", "LX-1", "--language=zh").err
    assert "没有错误码" in chinese
    assert "There is no code" not in chinese


def test_chinese_comes_first_where_nobody_chose(cli: Cli) -> None:
    lines = cli("explain", "LX-1").err.splitlines()
    assert "没有错误码 LX-1" in lines[0]
    assert "There is no code LX-1" in lines[1]


def test_a_text_without_two_languages_stands_as_it_is() -> None:
    assert in_language("水务局", "en") == "水务局"
    assert in_language("环节 · State", "zh") == "环节"
    assert in_language("环节 · State", "en") == "State"


def test_help_lines_fit_the_terminal_with_chinese_two_cells_wide() -> None:
    text = "余时最少的在前，超期的用红色标出；those with the least time left come first, and what is late says so"
    for width in (20, 33, 60):
        lines = wrapped(text, width)
        assert all(cells(line) <= width + 2 for line in lines)  # a full-width comma may hang
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")


# ── explain ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_code_has_its_page(cli: Cli) -> None:
    assert list(cli.ok("explain", "--json").json) == list(CODES)
    said = cli.ok("explain", "lx190", "--json").json
    assert said["code"] == "LX-190"
    assert said["meaning"]["zh"]
    assert said["remedy"]["en"]
    assert "含义" in cli.ok("explain", "LX-190").out


def test_a_code_that_does_not_exist_is_not_found(cli: Cli) -> None:
    ran = cli("explain", "LX-9999", "--json")
    assert ran.code == 3
    assert ran.error["code"] == "LX-912"
    assert ran.error["message"]["zh"]
    assert explain.app is not None


# ── what goes where ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_result_is_on_standard_output_and_nothing_else(cli: Cli) -> None:
    ran = cli.ok("lint", COMPLAINT, "--json")
    assert ran.json["errors"] == 0
    assert "1 files" in ran.err
    assert cli.ok("lint", COMPLAINT, "-q").err == ""


def test_json_may_be_asked_for_before_the_command_too(cli: Cli) -> None:
    assert cli.ok("--json", "lint", COMPLAINT).json["problems"] == []


def test_an_error_is_json_where_json_was_asked_for(cli: Cli) -> None:
    ran = cli("lint", "nowhere.yaml", "--json")
    assert (ran.code, ran.out) == (3, "")
    assert ran.error["code"] == "LX-190"
    assert ran.error["exit_code"] == 3
    assert set(ran.error["remedy"]) == {"zh", "en"}


def test_usage_errors_are_json_too(cli: Cli) -> None:
    ran = cli("case", "list", "--limit", "many", "--json")
    assert ran.code == 2
    assert ran.error["code"] == "LX-900"


def test_notes_are_json_too_where_json_was_asked_for(cli: Cli) -> None:
    (line,) = cli.ok("lint", COMPLAINT, "--json").err.splitlines()
    assert orjson.loads(line)["note"]["en"] == "1 files, no findings"


def test_no_colour_and_no_cut_lines_in_a_pipe(tmp_path: Path) -> None:
    ran = real("calendar", "show", "2026", cwd=tmp_path, env={"NO_COLOR": "1", "COLUMNS": "30"})
    assert "\x1b[" not in ran.out
    assert "2026-02-14   周六 · Sat       上班 · working" in ran.out


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    script = f"{sys.executable} -m engine.app explain | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[0].startswith("LX-")
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_a_terminal_without_chinese_gets_escapes_and_no_traceback(tmp_path: Path) -> None:
    ran = real("explain", "LX-190", cwd=tmp_path, env={"PYTHONIOENCODING": "ascii"})
    assert ran.code == 0
    assert "\\u" in ran.out


def test_the_version_is_told(cli: Cli) -> None:
    assert cli.ok("--version").out.startswith("lianxin 0")


# ── our bugs ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_bug_of_ours_ends_with_a_report_that_holds_no_value(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("张三 13800000000")

    monkeypatch.setattr("engine.core.report.sarif", broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ran = cli("lint", COMPLAINT, "--sarif", "--project", tmp_path)
    assert ran.code == 70
    assert "LX-970" in ran.err
    assert "RuntimeError" in ran.err
    assert "Traceback" not in ran.err
    assert "张三" not in ran.err
    (report,) = tmp_path.glob("lianxin-report-*")
    text = report.read_text(encoding="utf-8")
    assert str(report) in ran.err
    assert "builtins.RuntimeError" in text
    assert "engine/cli/lint.py" in text
    assert "张三" not in text
    assert str(COMPLAINT) not in text
    assert str(tmp_path) not in text


def test_ctrl_c_ends_with_its_own_code(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("engine.core.report.sarif", interrupted)
    assert cli("lint", COMPLAINT, "--sarif").code == 130


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_refusal_of_the_rules_has_words_in_both_languages() -> None:
    import re

    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "engine" / "core").glob("*.py"))
    text += (ROOT / "engine" / "runtime" / "handle.py").read_text(encoding="utf-8")
    codes = set(re.findall(r'(?:Refused|Rejection)\(\s*"([a-z-]+)"', text))
    assert codes
    assert codes <= set(SENTENCES), sorted(codes - set(SENTENCES))


def test_a_refusal_without_words_is_told_with_its_facts() -> None:
    assert why_refused("something-new", {"b": 2, "a": ["x", "y"]}, "zh") == "something-new a=x、y b=2"
    assert why_refused("no-transition", {"state": "s", "transition": "t", "possible": ["a", "b"]}, "en") == (
        "t is not possible in state s; possible are: a、b"
    )


def test_the_schema_is_json_that_says_which_draft_it_is(cli: Cli) -> None:
    for what in ("workflow", "map", "envelope"):
        said = orjson.loads(cli.ok("schema", what).out)
        assert said["$schema"] == "http://json-schema.org/draft-07/schema#"
        assert "$defs" not in orjson.dumps(said).decode()


# ── consumers of other packages ──────────────────────────────────────────────────────────────────────────────────


class _Point:
    """An entry point as another package registers it."""

    def __init__(self, name: str, found: object) -> None:
        self.name, self.value, self._found = name, f"other:{name}", found

    def load(self) -> object:
        if isinstance(self._found, Exception):
            raise self._found
        return self._found


class _Consumer:
    NAME = "other"
    ACTIONS = (ActionSpec("sing", "other", {"song": Param("text", required=True)}),)

    @staticmethod
    def react(*_: object) -> tuple[()]:
        return ()


@pytest.mark.parametrize(
    ("points", "code"),
    [
        ([_Point("other", _Consumer)], None),
        ([_Point("other", object())], "LX-910"),
        ([_Point("other", ImportError("no such module"))], "LX-910"),
        ([_Point("one", _Consumer), _Point("two", _Consumer)], "LX-911"),
    ],
)
def test_consumers_of_other_packages_are_registered_or_refused_by_name(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, points: list[_Point], code: str | None
) -> None:
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: points)
    ran = cli("schema", "--json")
    if code is None:
        assert "sing" in ran.out
    else:
        assert (ran.code, ran.error["code"]) == (5, code)
