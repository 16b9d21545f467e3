"""Whatever a letter says, nothing on its pages stands over anything else. Every text is invented."""

from __future__ import annotations

import dataclasses

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from measured_pages import BOTTOM, LEFT, MM, RIGHT, TOP, Line, Page, measured
from test_letters_pdf import AIR, CHINESE, PLAIN, paragraph, worded

from engine.letters.content import LetterContent
from engine.letters.pdf import render_pdf

ODD = st.sampled_from(
    ["W" * 40, "https://invalid.example/" + "a" * 70, "12345678901234567890", "—" * 30, "“”（）《》", "a b c "]
)
WORDS = st.lists(
    st.one_of(st.text(CHINESE + "，。；：、（）《》“”", min_size=1, max_size=120), ODD), min_size=1, max_size=6
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink a page takes minutes and tells little more
)
@given(
    title=WORDS.map(lambda words: "".join(words)[:90]),
    paragraphs=st.lists(WORDS.map("".join), min_size=1, max_size=9),
    attachments=st.lists(st.text(CHINESE, min_size=1, max_size=60), max_size=3),
    organisation=st.text(CHINESE, min_size=1, max_size=60),
    contact=st.sampled_from(["", "督查科，0555-1234567", paragraph(60)]),
)
def test_no_title_and_no_text_runs_into_rules_margins_page_numbers_or_the_foot(
    title: str, paragraphs: list[str], attachments: list[str], organisation: str, contact: str
) -> None:
    content: LetterContent = dataclasses.replace(
        PLAIN, organisation=organisation, attachments=tuple(attachments), contact=contact
    )
    pages = measured(render_pdf(content, worded(*paragraphs, title=title)))
    first, last = pages[0], pages[-1]
    upper_rule, lower_rule = first.rules[1].bottom, first.rules[2].top
    for page in pages:
        for line in page.lines:
            if line.size in (14.0, 36.0) or (line.baseline < upper_rule and page is first):
                continue  # page number, copies, the mark above the rule
            # A full-width bracket or stop at the edge of a line is half air, and only its air hangs over.
            assert line.left >= LEFT - (AIR * line.size if line.text[0] in "（《“" else 0.1)
            assert line.right <= RIGHT + (AIR * line.size if line.text[-1] in "，。；：、）》”" else 0.1)
            assert line.baseline + 0.12 * line.size / MM <= min(BOTTOM, lower_rule) + 0.1
            floor = upper_rule if page is first else TOP
            assert line.baseline - 0.88 * line.size / MM >= floor
        assert not overlapping(page)
    foot = min(
        line.baseline - line.size / MM for line in last.lines if line.size in (8.0, 14.0) and line.baseline < BOTTOM
    )
    assert max(line.baseline for line in last.body()) <= foot
    assert any(line.size == 16 for line in last.lines)  # the copies never stand on a page alone


def overlapping(page: Page) -> list[tuple[Line, Line]]:
    """Lines of text of which one is printed over the other; the circle's own words aside."""
    lines = [line for line in page.lines if line.text not in ("（印章）", "样张")]
    return [
        (above, below)
        for index, above in enumerate(lines)
        for below in lines[index + 1 :]
        if above.baseline + 0.1 * above.size / MM > below.baseline - 0.8 * below.size / MM
        and above.left < below.right
        and below.left < above.right
    ]
