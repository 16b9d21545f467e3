"""An invented letter, the templates that ship, and a reader of rendered pages."""

from __future__ import annotations

import dataclasses
from html.parser import HTMLParser
from pathlib import Path

from engine.language.yaml_source import load
from engine.letters.content import Fact, LetterContent
from engine.letters.template import Template, load_template

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = sorted((ROOT / "workflows" / "letters").glob("*.yaml"))
KINDS = [path.stem for path in SHIPPED]

CONTENT = LetterContent(
    letter_id="lt-7h2k9q4m",
    kind="supervision",
    title_kind="督办函",
    organisation="示例市信访局",
    recipient="示例市水务局",
    unit="示例市水务局",
    case_ref="LX-2026-0412",
    subject="锦绣花园供水中断",
    number="示信督〔2026〕12号",
    facts=(
        Fact("2026-04-01", "信访部门将该事项交办你单位", 2),
        Fact("2026-04-24", "办理期限届满，未收到办理结果。", 6),
    ),
    basis=("信访工作条例 第二十三条", "信访工作条例 第三十四条"),
    reply_due="2026-05-06",
    calendar_edition="cn 2025-11",
    contact="督查科，0555-1234567",
    signed_on="2026-04-07",
    signers=("办公室主任",),
    copy=("示例市住房和城乡建设局", "示例市人民政府督查室"),
    attachments=("办理记录", "现场核实记录。"),
)
DRAFT = dataclasses.replace(CONTENT, number=None, signed_on=None, signers=())


def template(kind: str = "supervision") -> Template:
    source = load((ROOT / "workflows" / "letters" / f"{kind}.yaml").read_bytes(), f"{kind}.yaml")
    assert source.problems == ()
    return load_template(source.data, source.file, source.span)


def letter(kind: str) -> LetterContent:
    signers = ("联席会议召集人", "信访部门负责人") if kind == "accountability" else CONTENT.signers
    return dataclasses.replace(CONTENT, kind=kind, signers=signers)


class Page(HTMLParser):
    """The texts of a page's body, and the tags it is made of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
