"""The QR code of a letter: its number and the digest of what it says, so that paper can be held against the log."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import segno

CORRECTION = "m"
PIXELS = 8
"""Pixels of a module in the picture: 41 modules on 18 mm print at 460 dots to the inch."""
STORED_MAX = 65_535  # bytes of one stored block


def qr_svg(text: str) -> str:
    """The code as SVG, a unit a module, without a margin."""
    target = io.BytesIO()
    _code(text).save(target, kind="svg", border=0, xmldecl=False, nl=False, omitsize=True)
    return target.getvalue().decode()


def qr_png(text: str) -> bytes:
    """The code as PNG, black on white, without a margin.

    Not compressed: two releases of zlib compress the same picture to different bytes.
    """
    rows = [
        bytes(0 if on else 255 for on in row for _ in range(PIXELS))
        for row in _code(text).matrix
        for _ in range(PIXELS)
    ]
    side = len(rows)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, data)
        for kind, data in (
            (b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)),  # eight bits of grey
            (b"IDAT", _stored(b"".join(b"\0" + row for row in rows))),
            (b"IEND", b""),
        )
    )


def _code(text: str) -> segno.QRCode:
    import segno

    return segno.make_qr(text, error=CORRECTION, encoding="utf-8", boost_error=False)


def _stored(data: bytes) -> bytes:
    """A zlib stream of stored blocks (RFC 1950, RFC 1951 §3.2.4)."""
    blocks = [data[start : start + STORED_MAX] for start in range(0, len(data), STORED_MAX)]
    stream = b"\x78\x01"
    for index, block in enumerate(blocks):
        last = index == len(blocks) - 1
        stream += struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF) + block
    return stream + struct.pack(">I", zlib.adler32(data))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
