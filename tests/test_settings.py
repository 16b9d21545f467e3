"""Settings: a flag wins over a variable, a variable over the file, the file over the default; slips are pointed out."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from engine.core.catalogue.settings import CODES
from engine.core.errors import LianxinError, Problem
from engine.settings import find_project, load_settings, variable_of
from schemas.settings import Origin, Settings, setting_keys

FULL = """\
database_url = "sqlite:///data/city.db"
language = "en"
workflows_dir = "rules"

[clock]
max_wait = "20m"          # waits longer than usual

[letters]
organisation = "江北市信访局"
auto_max_age = "5 working days"

[sources."urn:city:hotline"]
commands = ["register", "complaint.answer"]
roles = ["clerk"]
max_backdate = "2h"

[sources."file:*"]
commands = "*"
roles = "*"
max_backdate = "unlimited"
"""


def project(folder: Path, text: str) -> Path:
    (folder / "lianxin.toml").write_text(text, encoding="utf-8")
    return folder


def faults(folder: Path, text: str = "", environ: dict[str, str] | None = None) -> list[Problem]:
    with pytest.raises(LianxinError) as caught:
        load_settings(project(folder, text), environ or {})
    assert (caught.value.code, caught.value.exit_code) == ("LX-540", 2)
    return list(caught.value.problems)


def test_a_project_without_a_file_has_working_defaults(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {})
    assert settings.database_url == f"sqlite:///{tmp_path}/lianxin.db"
    assert settings.key_file == tmp_path / "lianxin.key"
    assert (settings.bus, settings.language, settings.batch.messages_max) == ("embedded", "zh", 500)
    assert settings.clock.max_wait == timedelta(minutes=15)
    assert settings.origin("database_url") == Origin("default")


def test_the_file_is_read_and_its_paths_are_the_projects(tmp_path: Path) -> None:
    settings = load_settings(project(tmp_path, FULL), {}, cwd=Path("/"))
    assert settings.database_url == f"sqlite:///{tmp_path}/data/city.db"
    assert settings.workflows_dir == tmp_path / "rules"
    assert settings.clock.max_wait == timedelta(minutes=20)
    assert settings.letters.organisation == "江北市信访局"
    assert settings.origin("clock.max_wait") == Origin("file", "lianxin.toml:6")


def test_a_flag_wins_over_a_variable_over_the_file_over_the_default(tmp_path: Path) -> None:
    folder = project(tmp_path, "[batch]\nmessages_max = 100\n")
    environ = {"LIANXIN_BATCH_MESSAGES_MAX": "200", "HOME": "/root"}
    layers = [
        (load_settings(tmp_path / "elsewhere", {}), 500, Origin("default")),
        (load_settings(folder, {}), 100, Origin("file", "lianxin.toml:2")),
        (load_settings(folder, environ), 200, Origin("environment", "LIANXIN_BATCH_MESSAGES_MAX")),
        (load_settings(folder, environ, {"batch.messages_max": 300}), 300, Origin("flag", "--batch-messages-max")),
        (
            load_settings(folder, environ, {"batch.messages_max": None}),
            200,
            Origin("environment", "LIANXIN_BATCH_MESSAGES_MAX"),
        ),
    ]
    for settings, value, origin in layers:
        assert (settings.batch.messages_max, settings.origin("batch.messages_max")) == (value, origin)


def test_paths_in_variables_and_flags_are_those_of_the_shell(tmp_path: Path) -> None:
    settings = load_settings(
        project(tmp_path, FULL), {"LIANXIN_KEY_FILE": "k"}, {"database_url": "sqlite:///x.db"}, cwd=Path("/srv")
    )
    assert settings.key_file == Path("/srv/k")
    assert settings.database_url == "sqlite:////srv/x.db"
    assert (
        load_settings(tmp_path, {"LIANXIN_DATABASE_URL": "sqlite:////var/x.db"}).database_url == "sqlite:////var/x.db"
    )


def test_every_setting_has_a_variable_of_its_own() -> None:
    variables = [variable_of(key) for key in setting_keys()]
    assert len(set(variables)) == len(variables)
    assert variable_of("clock.max_wait") == "LIANXIN_CLOCK_MAX_WAIT"


def test_a_source_is_found_by_its_name_or_the_longest_prefix(tmp_path: Path) -> None:
    settings = load_settings(project(tmp_path, FULL), {})
    hotline, files = settings.source("urn:city:hotline"), settings.source("file:april.csv")
    assert hotline is not None
    assert files is not None
    assert hotline.commands == frozenset({"register", "complaint.answer"})
    assert hotline.max_backdate == timedelta(hours=2)
    assert (files.commands, files.roles, files.max_backdate) == (None, None, None)
    assert settings.source("urn:city:unknown") is None


def test_what_is_shown_has_every_setting_with_its_origin_and_no_password(tmp_path: Path) -> None:
    environ = {"LIANXIN_DATABASE_URL": "postgresql+psycopg://lianxin:geheim@db:5432/city"}
    settings = load_settings(project(tmp_path, FULL), environ)
    shown = dict(settings.shown())
    assert shown["database_url"] == "postgresql+psycopg://lianxin:…@db:5432/city"
    assert shown["clock.max_wait"] == "20m"
    assert shown["sources.file:*.max_backdate"] == "unlimited"
    assert shown["sources.urn:city:hotline.commands"] == "complaint.answer, register"
    assert set(setting_keys()) <= set(shown)
    assert all(settings.origin(key) for key in shown)
    assert settings.origin("sources.urn:city:hotline.commands") == Origin("file", "lianxin.toml:13")
    with pytest.raises(KeyError):
        settings.origin("clock.max_weight")


@pytest.mark.parametrize(
    ("text", "code", "line", "suggestion"),
    [
        ("databse_url = 'sqlite:///x'", "LX-541", 1, "database_url"),
        ("\n[clock]\nmax_wiat = '5m'", "LX-541", 3, "clock.max_wait"),
        ("[clok]\nmax_wait = '5m'", "LX-541", 2, "clock.max_wait"),
        ("clock.maxwait = '5m'", "LX-541", 1, "clock.max_wait"),
        ("[sources.a]\ncommands='*'\nroles='*'\nmax_backdat='1h'", "LX-541", 4, "max_backdate"),
        ("[sources.a]\ncommands = '*'", "LX-545", 1, None),
        ("[sources.a]\ncommands = 'register'\nroles='*'", "LX-546", 2, None),
        ("[sources.a]\ncommands='*'\nroles='*'\nmax_backdate='for ever'", "LX-546", 4, None),
        ("[clock]\nmax_wait = 15", "LX-546", 2, None),
        ("[clock]\nmax_wait = '15 years'", "LX-546", 2, None),
        ("[batch]\nmessages_max = 0", "LX-546", 2, None),
        ("[batch]\nmessages_max = true", "LX-546", 2, None),
        ("[letters]\nauto_max_age = 'soon'", "LX-546", 2, None),
        ("language = 'de'", "LX-546", 1, None),
        ("bus = 'rabbit://x'", "LX-546", 1, None),
        ("database_url = 'mysql://x'", "LX-546", 1, None),
        ("language = zh", "LX-543", 1, None),
        ("sources = 5", "LX-546", 1, None),
    ],
)
def test_a_slip_is_pointed_out_where_it_stands(
    tmp_path: Path, text: str, code: str, line: int, suggestion: str | None
) -> None:
    (problem,) = faults(tmp_path, text)
    assert (problem.code, problem.suggestion) == (code, suggestion)
    assert problem.span is not None
    assert (problem.file, problem.span.line) == ("lianxin.toml", line)


def test_all_slips_are_told_at_once(tmp_path: Path) -> None:
    found = faults(tmp_path, "langauge = 'zh'\nbus = 'x'\n", {"LIANXIN_DATABSE_URL": "x", "LIANXIN_LANGUAGE": "fr"})
    assert [(problem.code, problem.file, problem.suggestion) for problem in found] == [
        ("LX-541", "lianxin.toml", "language"),
        ("LX-542", "LIANXIN_DATABSE_URL", "LIANXIN_DATABASE_URL"),
        ("LX-546", "lianxin.toml", None),
        ("LX-546", "LIANXIN_LANGUAGE", None),
    ]


def test_variables_of_the_test_suite_are_no_settings(tmp_path: Path) -> None:
    assert load_settings(tmp_path, {"LIANXIN_REAL_DATA": "x", "LIANXIN_TEST_SEED": "1", "lianxin_bus": "x"})


def test_a_file_that_is_no_text_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "lianxin.toml").write_bytes(b"language = '\xff'")
    with pytest.raises(LianxinError) as caught:
        load_settings(tmp_path, {})
    assert caught.value.code == "LX-544"


def test_an_empty_table_is_nothing(tmp_path: Path) -> None:
    assert load_settings(project(tmp_path, "[clock]\n[sources]\n"), {}).sources == {}


def test_the_project_is_found_from_a_folder_below_it(tmp_path: Path) -> None:
    below = tmp_path / "rules" / "deep"
    below.mkdir(parents=True)
    assert find_project(below) == below
    project(tmp_path, "")
    assert find_project(below) == tmp_path


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().language = "en"  # type: ignore[misc]


def test_every_fact_in_a_sentence_is_in_both_languages() -> None:
    for entry in CODES.values():
        assert set(re.findall(r"{(\w+)}", entry.zh)) == set(re.findall(r"{(\w+)}", entry.en))
