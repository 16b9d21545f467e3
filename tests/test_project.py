"""The project itself: what ships, what may import what, what it stands on, and that its commands refuse clearly."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import licences
import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("engine", "consumers", "schemas")
PURE = ("engine/core", "engine/language", "consumers", "schemas")
NOT_SOURCE = shutil.ignore_patterns(
    ".*", "__pycache__", "*.egg-info", "build", "dist", "out", "demo-city", "node_modules"
)
APACHE_2_SHA256 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
CLOCKS_AND_CHANCE = {"now", "utcnow", "today", "urandom", "uuid1", "uuid4"}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout without anything that was built in it."""
    copy = tmp_path_factory.mktemp("source") / "lianxin"
    shutil.copytree(ROOT, copy, ignore=NOT_SOURCE)
    return copy


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as a release builds it, without asking any registry."""
    out = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(out), str(source))
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def shipped(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with nothing but the wheel in it, away from any checkout."""
    home = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    pip("--python", str(home / "bin" / "python"), "install", "--no-deps", "--no-index", str(wheel))
    return home


def test_the_wheel_brings_exactly_three_packages(shipped: set[str]) -> None:
    tops = {name.split("/")[0] for name in shipped}
    assert {top for top in tops if not top.endswith((".dist-info", ".data"))} == set(PACKAGES)


def test_every_file_of_the_packages_ships(source: Path, shipped: set[str]) -> None:
    for package in PACKAGES:
        assert {name for name in shipped if name.startswith(f"{package}/")} == files_below(source, package)


def test_every_file_of_workflows_ships_as_data(source: Path, shipped: set[str]) -> None:
    share = re.compile(r"lianxin-[^/]+\.data/data/share/lianxin/(?P<path>.+)")
    found = {match["path"] for name in shipped if (match := share.fullmatch(name))}
    assert found == files_below(source, "workflows"), "a folder of workflows/ needs its line in pyproject.toml"
    assert found


def test_a_checkout_uses_its_own_workflows(installed: Path, source: Path) -> None:
    assert ask_for_workflows(installed, beside=source) == str(source / "workflows")


def test_an_installed_lianxin_finds_its_workflows(installed: Path, source: Path) -> None:
    found = Path(ask_for_workflows(installed))
    assert found == installed / "share" / "lianxin" / "workflows"
    assert files_below(found.parent, "workflows") == files_below(source, "workflows")


def test_missing_workflows_are_an_error_with_a_code(installed: Path, tmp_path: Path) -> None:
    share = installed / "share"
    share.rename(tmp_path / "share")
    try:
        assert ask_for_workflows(installed) == "LX-590 5"
    finally:
        (tmp_path / "share").rename(share)


def test_every_part_of_the_engine_has_its_layer() -> None:
    layers = next(c["layers"] for c in pyproject()["tool"]["importlinter"]["contracts"] if c["id"] == "layers")
    placed = set(re.findall(r"engine\.(\w+)", " ".join(layers)))
    parts = {
        path.stem for path in (ROOT / "engine").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert parts - {"__init__"} <= placed


def test_the_rules_ask_for_no_clock_and_no_chance() -> None:
    asked = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.attr}"
        for folder in PURE
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in CLOCKS_AND_CHANCE
    ]
    assert asked == []


def test_the_verifier_needs_nothing_but_python() -> None:
    verifier = ROOT / "engine" / "audit" / "verify.py"
    if not verifier.exists():
        pytest.skip("engine.audit.verify is not written yet")
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(verifier.read_text(encoding="utf-8")))
        for name in imported_names(node)
    }
    assert imported <= set(sys.stdlib_module_names)


def test_the_page_of_licences_is_current() -> None:
    page = licences.render(licences.runtime_packages())
    assert licences.PAGE.read_text(encoding="utf-8") == page, "run: make licences"


def test_nothing_lianxin_stands_on_is_gpl() -> None:
    asked = {package.name: package.licence for package in licences.runtime_packages()}
    assert {name: licence for name, licence in asked.items() if licences.is_gpl(licence)} == {}


@pytest.mark.parametrize(
    ("licence", "gpl"),
    [
        ("GPL-3.0-or-later", True),
        ("AGPL-3.0", True),
        ("GNU Affero General Public License v3", True),
        ("GPL-2.0 AND (MIT OR Apache-2.0)", True),
        ("GPL-2.0 OR MIT", False),
        ("LGPL-3.0-only", False),
        ("GNU Lesser General Public License v3 (LGPLv3)", False),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", False),
    ],
)
def test_gpl_is_told_from_what_only_looks_like_it(licence: str, gpl: bool) -> None:
    assert licences.is_gpl(licence) is gpl


def test_our_own_licence_is_the_whole_text() -> None:
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE_2_SHA256


def test_the_lock_pins_every_package_by_hash_and_names_no_place_to_fetch_from() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[\w#])", lock)
    pinned = [entry for entry in entries if not entry.startswith("#")]
    assert pinned
    assert [entry for entry in pinned if "==" not in entry or "--hash=sha256:" not in entry] == []
    assert "://" not in lock
    assert not re.search(r"^\s*-(?!-hash)", lock, re.MULTILINE)


def test_the_wheel_is_built_with_the_locked_setuptools() -> None:
    (build_tool,) = pyproject()["build-system"]["requires"]
    assert f"\n{build_tool} " in (ROOT / "requirements.lock").read_text(encoding="utf-8")


@pytest.mark.parametrize("arguments", [[], ["DATA=nowhere"]])
def test_real_rows_are_asked_for_by_name(arguments: list[str]) -> None:
    outside = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MFLAGS", "DATA"}}
    done = subprocess.run(
        ["make", "test-real", *arguments], cwd=ROOT, env=outside, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "make test-real DATA=FOLDER" in done.stderr


def test_ci_refuses_to_run_without_the_real_rows(tmp_path: Path) -> None:
    checkout = tmp_path / "lianxin"
    (checkout / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", checkout / ".ci")
    done = subprocess.run([checkout / ".ci" / "run"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "../shared/data" in done.stderr


@pytest.mark.parametrize("named", [None, "nowhere"])
def test_a_real_test_without_its_rows_fails(
    named: str | None, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIANXIN_REAL_DATA", raising=False)
    if named:
        monkeypatch.setenv("LIANXIN_REAL_DATA", named)
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{ROOT / 'tests'}")  # what the conftest itself is made of
    pytester.makeconftest((ROOT / "tests" / "conftest.py").read_text(encoding="utf-8"))
    pytester.makepyfile("import pytest\n@pytest.mark.real\ndef test_it(): pass")
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*LIANXIN_REAL_DATA*"])


@pytest.mark.real
def test_the_folder_holds_the_rows_and_their_reference_numbers(data_dir: Path) -> None:
    assert (data_dir / "reference.json").is_file()
    assert list(data_dir.glob("*.csv"))


def pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", *arguments], check=True, cwd=ROOT.anchor)


def ask_for_workflows(installed: Path, beside: Path | None = None) -> str:
    """What `workflows_dir` answers in that Python, started in an empty place or, with `beside`, from a checkout."""
    question = """
from engine.core.errors import LianxinError
from engine.resources import workflows_dir
try:
    print(workflows_dir())
except LianxinError as error:
    print(error.code, error.exit_code)
"""
    done = subprocess.run(
        [installed / "bin" / "python", "-c", question],
        cwd=beside or installed,
        env={"HOME": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def files_below(root: Path, folder: str) -> set[str]:
    """Paths relative to `root` of all files in one of its folders, without what Python compiled."""
    return {
        str(path.relative_to(root)) for path in (root / folder).rglob("*") if path.is_file() and path.suffix != ".pyc"
    }


def imported_names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        # A relative import is one of our own files, and the verifier has none beside it.
        return ["." * node.level + (node.module or "")] if node.level else [node.module or ""]
    return []


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
