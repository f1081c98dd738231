"""Checks records against the published schema, for every test that writes a log."""

import json
from pathlib import Path
from typing import Any

import jsonschema

from inspector.core.records import SCHEMA, event_id
from inspector.outputs.json_log import read_records

VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def refusals(record: dict[str, Any]) -> list[str]:
    """What the schema says against one record; empty where it fits."""
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(record)]


def check_log(path: Path) -> list[dict[str, Any]]:
    """The records of a log of format 2, after each was checked: schema, numbers and ids."""
    records = read_records(path)
    for number, record in enumerate(records):
        assert refusals(record) == [], (number, record)
        assert record["seq"] == number
        assert record["event_id"] == event_id(record["run_id"], record["source"], number)
    return records
