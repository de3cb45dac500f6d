"""JSON for statements that are run for each text: orjson needs a tenth of the time."""

import json

import orjson
from psycopg.types.json import Jsonb


def rows_as_jsonb(rows: object) -> Jsonb:
    """A parameter. What no UTF-8 can hold is left for Postgres to refuse, as any other value."""
    return Jsonb(rows, dumps=_dumped)


def dumped(value: object) -> str:
    """The same as text, for an array."""
    written = _dumped(value)
    return written if isinstance(written, str) else written.decode()


def _dumped(value: object) -> str | bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value)
