"""A letter as one HTML page: the same sheet as the DOCX, to be read on the screen and printed on A4.

The page asks nobody for anything: no script, no font, no picture, and a policy that forbids them.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from engine.letters.blank import BODY_FONT, FALLBACKS, HEADING_FONT, LATIN_FONT, RED, TITLE_FONT
from engine.letters.compose import ATTACHMENTS, DRAFT, DRAFT_LINE, SEAL_LINES, Sheet, compose
from engine.letters.content import LetterContent
from engine.letters.template import Template
from engine.letters.title import cells

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
ORGANISATION_EM_MAX = 2.25
ORGANISATION_WIDTH_EM = 29.0


def render_html(content: LetterContent, template: Template) -> str:
    """The letter as a self-contained HTML page; every text is escaped. Same refusals as `render_docx`."""
    sheet = compose(content, template)
    draft = f'<p class="draft-line">{DRAFT_LINE}</p><div class="watermark" aria-hidden="true">{DRAFT}</div>'
    return (
        '<!doctype html>\n<html lang="zh-CN">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(''.join(sheet.title))}</title>\n<style>\n{_css()}</style>\n</head>\n<body>\n"
        f'<article class="sheet{" is-draft" if sheet.draft else ""}">\n{draft if sheet.draft else ""}'
        f"{''.join(f'{line}{chr(10)}' for line in _lines(sheet))}</article>\n</body>\n</html>\n"
    )


def _lines(sheet: Sheet) -> Iterator[str]:
    size = min(ORGANISATION_EM_MAX, ORGANISATION_WIDTH_EM / max(1, cells(sheet.organisation)))
    yield f'<header><p class="organisation" style="font-size:{size:.2f}em">{escape(sheet.organisation)}</p></header>'
    if sheet.urgency or sheet.number:
        yield f'<p class="number"><span>{escape(sheet.urgency)}</span><span>{escape(sheet.number)}</span></p>'
    yield f"<h1>{'<br>'.join(escape(line) for line in sheet.title)}</h1>"
    yield f'<p class="to">{escape(sheet.salutation)}</p>'
    for block in sheet.blocks:
        tag = "h2" if block.role == "heading" else "p"
        yield f'<{tag} class="{block.role}">{escape(block.text)}</{tag}>'
    if sheet.attachments:
        items = "".join(f"<span>{escape(text)}</span>" for text in sheet.attachments)
        yield f'<p class="attachments"><span>{ATTACHMENTS}</span><span class="titles">{items}</span></p>'
    mark = "<br>".join(escape(words) for words in SEAL_LINES)
    yield f'<div class="signature"><p class="seal">{mark}</p>'
    yield f"<p>{escape(sheet.signature)}</p><p>{escape(sheet.date)}</p></div>"
    if sheet.note:
        yield f'<p class="note">{escape(sheet.note)}</p>'
    imprint = "".join(f"<p>{escape(text)}</p>" for text in sheet.imprint)
    yield f'<footer>{imprint}<p class="identity">{escape(sheet.identity)}</p></footer>'


def _css() -> str:
    body, title, heading = (_family(font) for font in (BODY_FONT, TITLE_FONT, HEADING_FONT))
    return f"""\
@page {{ size: A4; margin: 37mm 20mm 35mm; }}
@page :first {{ margin-top: 30mm; }}
* {{ box-sizing: border-box; margin: 0; padding: 0; }}
html {{ background: #ddd; color: #000; }}
.sheet {{ position: relative; width: 210mm; min-height: 297mm; margin: 8mm auto; padding: 30mm 26mm 35mm 28mm;
  background: #fff; font: 16pt/28.99pt {body}; display: flex; flex-direction: column; overflow-wrap: anywhere; }}
header {{ margin: 0 -6mm 0 -8mm; padding-bottom: 4mm; text-align: center; position: relative; }}
header::after {{ content: ""; display: block; margin-top: 4mm; height: 1.7mm;
  border-top: 2.5pt solid #{RED}; border-bottom: .75pt solid #{RED}; }}
.organisation {{ color: #{RED}; font-family: {title}; line-height: 1; white-space: nowrap; }}
.number {{ display: flex; justify-content: space-between; }}
h1 {{ margin: 58pt 0 29pt; font: 22pt/32pt {title}; text-align: center; }}
.body, .fact, .demand {{ text-indent: 2em; text-align: justify; }}
h2 {{ font: 16pt/28.99pt {heading}; text-indent: 2em; break-after: avoid; }}
.attachments {{ display: flex; margin: 28.99pt 0 0 2em; }}
.attachments > :first-child {{ white-space: nowrap; }}
.titles span {{ display: block; }}
.signature {{ align-self: flex-end; margin: 29pt 4em 0 0; text-align: center; break-inside: avoid; }}
.seal {{ width: 42mm; height: 42mm; margin: 0 auto -18mm; padding-top: 9mm; border: 1pt dashed #{RED};
  border-radius: 50%; color: #767676; font-size: 12pt; line-height: 16pt; }}
.note {{ margin-top: 8mm; text-indent: 2em; }}
footer {{ margin-top: auto; padding: 8mm 1em 0; font-size: 14pt; line-height: 24pt; break-inside: avoid; }}
.identity {{ color: #6b6b6b; font-size: 8pt; line-height: 12pt; }}
.draft-line {{ position: absolute; top: 15mm; left: 0; right: 0; text-align: center; color: #6b6b6b;
  font: 14pt/20pt {heading}; }}
.watermark {{ position: fixed; top: 50%; left: 50%; transform: translate(-50%, -50%) rotate(-45deg);
  font: 120pt/1 {heading}; color: rgba(0, 0, 0, .08); white-space: nowrap; pointer-events: none; }}
@media print {{
  html {{ background: none; }}
  .sheet {{ width: auto; min-height: 0; margin: 0; padding: 0 6mm 0 8mm; display: block; }}
  .signature {{ margin-left: auto; width: fit-content; }}
  .draft-line {{ position: static; margin-bottom: 2mm; }}
}}
"""


def _family(font: str) -> str:
    """A font and whatever may stand in for it, as CSS."""
    return ", ".join(f'"{name}"' for name in (font, LATIN_FONT, *FALLBACKS[font])) + ", serif"
