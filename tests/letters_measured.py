"""The table of measures in docs/letters.md: `python tests/letters_measured.py` measures and writes it anew."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from invented_letters import CONTENT  # noqa: E402
from measured_pages import BOTTOM, LEFT, MM, RIGHT, Line, Page, ink, measured  # noqa: E402

PAGE = ROOT / "docs" / "letters.md"
BEGIN, END = "<!-- measures -->\n", "<!-- /measures -->\n"
CONVERSION_SECONDS_MAX = 120
CHINESE = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥天地玄黄宇宙洪荒日月盈昃辰宿列张"


def printed_by_office(letters: Mapping[str, bytes], folder: Path) -> dict[str, bytes]:
    """DOCX files opened by LibreOffice and printed as PDF, all in one run: to start it takes seconds."""
    program = shutil.which("soffice")
    assert program, "LibreOffice is missing: deploy/setup.sh letters"
    for name, data in letters.items():
        (folder / f"{name}.docx").write_bytes(data)
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    arguments = ["--headless", "--norestore", profile, "--convert-to", "pdf", "--outdir", str(folder)]
    files = [str(folder / f"{name}.docx") for name in letters]
    subprocess.run([program, *arguments, *files], check=True, capture_output=True, timeout=CONVERSION_SECONDS_MAX)
    return {name: (folder / f"{name}.pdf").read_bytes() for name in letters}


def _han(pages: list[Page]) -> list[Line]:
    return [line for page in pages for line in page.body() if set(line.text) <= set(CHINESE)]


def _full(pages: list[Page]) -> Line:
    return next(line for line in _han(pages) if line.left < LEFT + 1 and line.right > RIGHT - 2)


def _dash(pages: list[Page], data: bytes) -> float:
    dash = pages[1].line("—2—").characters[0]
    stroke = ink(data, 1, (dash["x0"] / MM, BOTTOM + 2, dash["x1"] / MM, BOTTOM + 14))
    return (stroke[1] + stroke[3]) / 2 - BOTTOM


def _mark(data: bytes) -> tuple[float, ...]:
    return ink(data, 0, (22, 20, 188, 44.5), red=True)


def _rule(data: bytes) -> tuple[float, ...]:
    return ink(data, 0, (5, 45, 205, 50), red=True)


Measure = Callable[[list[Page], bytes], float]
MEASURES: tuple[tuple[str, float, str, Measure], ...] = (
    ("纸宽 · paper, width", 210, "mm", lambda pages, data: pages[0].width),
    ("纸高 · paper, height", 297, "mm", lambda pages, data: pages[0].height),
    ("订口（左）· left margin", 28, "mm", lambda pages, data: _full(pages).left),
    ("右白边 · right margin", 26, "mm", lambda pages, data: 210 - _full(pages).right),
    ("每行字数 · characters in a line", 28, "", lambda pages, data: len(_full(pages).text)),
    ("每面行数 · lines on a page", 22, "", lambda pages, data: len(pages[1].body())),
    (
        "行距 · from line to line",
        28.99,
        "pt",
        lambda pages, data: (pages[1].body()[-1].baseline - pages[1].body()[0].baseline) / 21 * MM,
    ),
    (
        "段首缩进 · first line, characters in",
        2,
        "",
        lambda pages, data: (next(line.left for line in _han(pages) if line.left > LEFT + 1) - LEFT) / (156 / 28),
    ),
    ("发文机关标志上边缘 · mark, from the edge", 30, "mm", lambda pages, data: _mark(data)[1]),
    ("标志至红线 · mark to rule", 4, "mm", lambda pages, data: _rule(data)[1] - _mark(data)[3]),
    ("红色双线长 · double rule, length", 170, "mm", lambda pages, data: _rule(data)[2] - _rule(data)[0]),
    (
        "首页下双线距下页边 · lower rule, from the foot",
        20,
        "mm",
        lambda pages, data: 297 - ink(data, 0, (5, 270, 205, 285), red=True)[3],
    ),
    (
        "发文字号右边缘距版心右 · number to the right edge",
        0,
        "mm",
        lambda pages, data: RIGHT - pages[0].line("示信督").right,
    ),
    (
        "双线至发文字号 · rule to number",
        4.94,
        "mm",
        lambda pages, data: pages[0].line("示信督").baseline - 0.88 * 16 / MM - _rule(data)[3],
    ),
    ("标题字号 · title", 22, "pt", lambda pages, data: pages[0].line("关于督办").size),
    ("页码一字线距版心 · page number under the text", 7, "mm", _dash),
    (
        "双页页码距版心左 · even number from the left, characters of 14 pt",
        1,
        "",
        lambda pages, data: (pages[1].line("—2—").left - LEFT) * MM / 14,
    ),
    (
        "单页页码距版心右 · odd number from the right, characters of 14 pt",
        1,
        "",
        lambda pages, data: (RIGHT - pages[2].line("—3—").right) * MM / 14,
    ),
    (
        "日期距版心右 · date from the right, characters",
        4,
        "",
        lambda pages, data: (RIGHT - pages[-1].line("2026年4月7日").right) / (156 / 28),
    ),
)


def table() -> list[tuple[str, float, str, float, float]]:
    """Label, what the standard asks for, unit, measured in our PDF, measured in LibreOffice's PDF of our DOCX."""
    import dataclasses

    from engine.letters.pdf import render_pdf
    from engine.letters.template import Template
    from engine.letters.word import render_docx

    plain = dataclasses.replace(CONTENT, facts=(), basis=(), attachments=(), contact="", calendar_edition="")
    words = tuple((CHINESE * 13)[:length] for length in (500, 400, 150, 100))
    template = Template("supervision", "关于督办供水中断事项的函", words, ("特此函告。",))
    ours = render_pdf(plain, template)
    with tempfile.TemporaryDirectory() as folder:
        theirs = printed_by_office({"letter": render_docx(plain, template)}, Path(folder))["letter"]
    pages = measured(ours), measured(theirs)
    return [
        (label, asked, unit, measure(pages[0], ours), measure(pages[1], theirs))
        for label, asked, unit, measure in MEASURES
    ]


def written(rows: list[tuple[str, float, str, float, float]]) -> str:
    """The table as Markdown."""
    lines = ["| 项目 · Measure | 标准 · Asked | PDF | DOCX（LibreOffice） |", "|---|---|---|---|"]
    for label, asked, unit, *found in rows:
        cells = (f"{round(number, 2) + 0:g} {unit}".strip() for number in (asked, *found))
        lines.append(f"| {' | '.join((label, *cells))} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + written(table()) + END + after, encoding="utf-8")
