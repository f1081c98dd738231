"""Checks records against the published schema."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from inspector.core.records import SCHEMA, event_id
from inspector.outputs.json_log import read_records

VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def list_schema_errors(record: dict[str, Any]) -> list[str]:
    """Lists the errors of a record against the schema. Empty if it is valid."""
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(record)]


@cache
def _list_line_errors(line: str) -> list[str]:
    """Many tests check the same log or a part of it, and a line takes 10 ms."""
    return list_schema_errors(json.loads(line))


def check_log(path: Path) -> list[dict[str, Any]]:
    """Reads a log of format 2 and checks the schema, the number and the id of each record."""
    records = read_records(path)
    for number, record in enumerate(records):
        assert _list_line_errors(json.dumps(record)) == [], (number, record)
        assert record["seq"] == number
        assert record["event_id"] == event_id(record["run_id"], record["source"], number)
    return records
