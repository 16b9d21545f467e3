"""A DOCX file whose bytes depend on nothing but its parts."""

from __future__ import annotations

import io
import zipfile

FIRST_DAY = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip entry can bear. The day of the letter stands in the letter."""
CONTENT_TYPES = "[Content_Types].xml"


def fixed_package(data: bytes) -> bytes:
    """The same package with its entries in a fixed order, at a fixed time, uncompressed.

    Uncompressed because two releases of zlib compress the same text to different bytes, and the digest of the file
    stands in the log.
    """
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(target, "w") as package:
        for name in sorted(source.namelist(), key=lambda name: (name != CONTENT_TYPES, name)):
            entry = zipfile.ZipInfo(name, FIRST_DAY)
            entry.create_system = 0  # otherwise it tells Windows from Unix
            entry.external_attr = 0
            package.writestr(entry, source.read(name))
    return target.getvalue()
