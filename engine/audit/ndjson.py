"""The log as lines of JSON, for whoever wants to verify it or to keep it: `verify.py` reads them."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from engine.store import schema
from engine.store.reader import Reader


def log_lines(reader: Reader) -> Iterator[bytes]:
    """Every record, then every case's head, one JSON object a line. No identities: the log holds none."""
    for position, number, version, kind, _, body, digest in reader.rows(schema.log, ("position",)):
        line = {"position": position, "number": number, "version": version, "type": kind, "body": body.decode()}
        yield orjson.dumps(line | {"digest": digest.hex()}, option=orjson.OPT_APPEND_NEWLINE)
    for number, case_id, _, version, digest, *_ in reader.rows(schema.case, ("number",)):
        head = {"case": case_id, "number": number, "version": version, "digest": digest.hex()}
        yield orjson.dumps(head, option=orjson.OPT_APPEND_NEWLINE)
