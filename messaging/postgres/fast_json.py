"""JSON for statements that are run for each text: orjson needs a tenth of the time."""

import json

import orjson
from psycopg.types.json import Jsonb


def rows_as_jsonb(rows: object) -> Jsonb:
    """A parameter. What no UTF-8 can hold is left for Postgres to refuse, as any other value."""
    return Jsonb(rows, dumps=_dumped)


def _dumped(rows: object) -> str | bytes:
    try:
        return orjson.dumps(rows)
    except TypeError:
        return json.dumps(rows)
