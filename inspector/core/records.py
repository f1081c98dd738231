"""Format, ids and schema of the records of a run. docs/records.md describes the records."""

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

FORMAT: Final = 2
"""Format of the lines of the log. Fields may be added; no field is renamed or removed."""

SCHEMA: Final = Path(__file__).with_name("records.schema.json")
"""JSON Schema (draft 2020-12) of one line."""

COVERAGE_FACTOR: Final = 2.0
"""k of every expanded uncertainty: U = k * u, about 95 % of a normal distribution."""


def new_run_id() -> str:
    """Makes an id from the time in UTC and 32 random bits. It differs for every run."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def event_id(run_id: str, source: str, seq: int) -> str:
    """Id of one record. It is unique among all records of all runs."""
    return f"{run_id}/{source}/{seq}"
