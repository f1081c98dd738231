"""The tables of the store, as the changes from each format to the next."""

from typing import Final

HOUR_MS: Final = 3_600_000
HOUR: Final = f"(time_ms - (time_ms % {HOUR_MS} + {HOUR_MS}) % {HOUR_MS})"
"""Start of the hour of an inspection, also before 1970."""
VERDICT_SUMS: Final = "SUM(verdict = 0), SUM(verdict = 1), SUM(verdict = 2)"

_FORMAT_1: Final = (
    # number: of rows that have an order. It rises, and AUTOINCREMENT never uses one twice. So the
    # order does not depend on the clock. *_ms: wall time, ms since 1970 in UTC.
    #
    # folder: relative to the folder of the store, if it is below it. closed: nothing more comes.
    "CREATE TABLE folders (folder TEXT PRIMARY KEY, kind TEXT NOT NULL, "
    "closed INTEGER NOT NULL DEFAULT 0, note TEXT) WITHOUT ROWID",
    # One row for each source of a run. state: open, complete, missing, replaced or unreadable.
    # offset: bytes of the log that are read; tail: chain value of the line before it.
    # first_number, last_number, first_ms, last_ms: ranges of the inspections of the run.
    "CREATE TABLE runs (id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, "
    "source TEXT NOT NULL, folder TEXT NOT NULL, kind TEXT NOT NULL, "
    "state TEXT NOT NULL DEFAULT 'open', note TEXT, "
    "offset INTEGER NOT NULL, tail TEXT, started_ms INTEGER NOT NULL, recipe TEXT, rule TEXT, "
    "image_threshold REAL, pixel_threshold REAL, unit TEXT NOT NULL, source_id TEXT, "
    "engine_hash TEXT, config_hash TEXT, version TEXT, "
    "first_number INTEGER, last_number INTEGER, first_ms INTEGER, last_ms INTEGER, "
    "status TEXT, ended_ms INTEGER, captured INTEGER, dropped INTEGER, missing INTEGER, "
    "UNIQUE (run_id, source))",
    "CREATE INDEX runs_by_state ON runs (state)",
    # verdict: 0 PASS, 1 FAIL, 2 ERROR. thresholds: null if they are those of the run.
    # at: first byte of the line in the log.
    "CREATE TABLE inspections (number INTEGER PRIMARY KEY AUTOINCREMENT, "
    "run INTEGER NOT NULL, frame_id INTEGER NOT NULL, time_ms INTEGER NOT NULL, "
    "verdict INTEGER NOT NULL, score REAL, image_threshold REAL, pixel_threshold REAL, "
    "cause TEXT, error TEXT, part_id TEXT, name TEXT, "
    "defects INTEGER NOT NULL, worst_length REAL, at INTEGER NOT NULL)",
    "CREATE UNIQUE INDEX inspections_by_frame ON inspections (run, frame_id)",
    "CREATE INDEX inspections_not_passed ON inspections (number) WHERE verdict != 0",
    "CREATE INDEX inspections_by_part ON inspections (part_id) WHERE part_id IS NOT NULL",
    # Sizes in mm, or in px if the run has no calibration (runs.unit). u: standard uncertainty.
    "CREATE TABLE defects (number INTEGER NOT NULL, defect_id INTEGER NOT NULL, "
    "severity TEXT NOT NULL, length REAL, length_u REAL, width REAL, width_u REAL, "
    "area REAL, area_u REAL, peak_score REAL, track_id TEXT, kind TEXT, "
    "PRIMARY KEY (number, defect_id)) WITHOUT ROWID",
    "CREATE TABLE parts (number INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL, "
    "time_ms INTEGER NOT NULL, part_id TEXT NOT NULL, verdict INTEGER NOT NULL, "
    "record TEXT NOT NULL, at INTEGER NOT NULL)",
    "CREATE UNIQUE INDEX parts_by_place ON parts (run, at)",
    "CREATE INDEX parts_by_part ON parts (part_id)",
    # record: the fields of the line that are not in its envelope, without outlines.
    "CREATE TABLE events (number INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL, "
    "time_ms INTEGER NOT NULL, type TEXT NOT NULL, frame_id INTEGER, record TEXT NOT NULL, "
    "at INTEGER NOT NULL)",
    "CREATE UNIQUE INDEX events_by_place ON events (run, at)",
    # path: relative to the folder of the run.
    "CREATE TABLE files (run INTEGER NOT NULL, path TEXT NOT NULL, frame_id INTEGER, "
    "bytes INTEGER NOT NULL, sha256 BLOB NOT NULL, PRIMARY KEY (run, path)) WITHOUT ROWID",
    "CREATE TABLE feedback (number INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL, "
    "frame_id INTEGER NOT NULL, time_ms INTEGER NOT NULL, answer TEXT NOT NULL, "
    "who TEXT NOT NULL, note TEXT)",
    "CREATE INDEX feedback_by_frame ON feedback (run, frame_id)",
    "CREATE TABLE audit (number INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, "
    "who TEXT NOT NULL, what TEXT NOT NULL, old TEXT, new TEXT, why TEXT)",
    "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit "
    "BEGIN SELECT RAISE(ABORT, 'the audit trail cannot be changed'); END",
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit "
    "BEGIN SELECT RAISE(ABORT, 'the audit trail cannot be changed'); END",
    # state: waiting, taken, done, refused or expired.
    "CREATE TABLE requests (number INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, "
    "kind TEXT NOT NULL, arguments TEXT NOT NULL, who TEXT NOT NULL, why TEXT, "
    "state TEXT NOT NULL DEFAULT 'waiting', text TEXT)",
    "CREATE INDEX requests_open ON requests (number) WHERE state IN ('waiting', 'taken')",
    # count: how often it was raised while it was open; last_ms: the last time.
    "CREATE TABLE alarms (number INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, "
    "last_ms INTEGER NOT NULL, count INTEGER NOT NULL DEFAULT 1, kind TEXT NOT NULL, "
    "source TEXT, text TEXT NOT NULL, locks_release INTEGER NOT NULL, "
    "acknowledged_ms INTEGER, who TEXT, note TEXT)",
    "CREATE INDEX alarms_open ON alarms (number) WHERE acknowledged_ms IS NULL",
)

_FORMAT_2: Final = (
    # shown_unit: in which people want to see lengths.
    "ALTER TABLE runs ADD COLUMN shown_unit TEXT NOT NULL DEFAULT 'mm'",
    "CREATE INDEX events_by_type ON events (type, number)",
    # Verdicts of each run and hour. They stay when inspections are removed. hour: its start, as ms.
    "CREATE TABLE counts (run INTEGER NOT NULL, hour INTEGER NOT NULL, passed INTEGER NOT NULL, "
    "failed INTEGER NOT NULL, errored INTEGER NOT NULL, PRIMARY KEY (run, hour)) WITHOUT ROWID",
    f"INSERT INTO counts SELECT run, {HOUR} AS hour, {VERDICT_SUMS} FROM inspections "
    "GROUP BY run, hour",
)

_FORMAT_3: Final = (
    # Results of routine checks. slot_ms: time of the schedule that a result fulfils.
    "CREATE TABLE checks (number INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, "
    "name TEXT NOT NULL, kind TEXT NOT NULL, passed INTEGER NOT NULL, text TEXT NOT NULL, "
    "who TEXT, slot_ms INTEGER, run_id TEXT, part_number INTEGER, content TEXT)",
    "CREATE INDEX checks_by_name ON checks (name, number)",
    # check_name: of the check to which the line belongs; null in production. runs.kind is that of
    # the whole run; a run of production can have lines of challenge parts.
    "ALTER TABLE folders DROP COLUMN kind",
    "ALTER TABLE inspections ADD COLUMN check_name TEXT",
    "CREATE INDEX inspections_of_checks ON inspections (number) WHERE check_name IS NOT NULL",
    "ALTER TABLE parts ADD COLUMN check_name TEXT",
    "CREATE INDEX parts_of_checks ON parts (check_name, number) WHERE check_name IS NOT NULL",
    "ALTER TABLE counts RENAME TO old_counts",
    "CREATE TABLE counts (run INTEGER NOT NULL, hour INTEGER NOT NULL, is_check INTEGER NOT NULL, "
    "passed INTEGER NOT NULL, failed INTEGER NOT NULL, errored INTEGER NOT NULL, "
    "PRIMARY KEY (run, hour, is_check)) WITHOUT ROWID",
    "INSERT INTO counts SELECT c.run, c.hour, r.kind = 'check', c.passed, c.failed, c.errored "
    "FROM old_counts c JOIN runs r ON r.id = c.run",
    "DROP TABLE old_counts",
    "UPDATE inspections SET check_name = 'check' "
    "WHERE run IN (SELECT id FROM runs WHERE kind = 'check')",
)

_FORMAT_4: Final = (
    # Each combination of trace fields once. An empty text: not known. Rows without any have none.
    "CREATE TABLE traces (id INTEGER PRIMARY KEY, serial TEXT NOT NULL, lot TEXT NOT NULL, "
    "shift TEXT NOT NULL, operator TEXT NOT NULL, UNIQUE (serial, lot, shift, operator))",
    "CREATE INDEX traces_by_lot ON traces (lot)",
    "ALTER TABLE inspections ADD COLUMN trace INTEGER",
    "CREATE INDEX inspections_by_trace ON inspections (trace) WHERE trace IS NOT NULL",
    "ALTER TABLE parts ADD COLUMN trace INTEGER",
    "CREATE INDEX parts_by_trace ON parts (trace) WHERE trace IS NOT NULL",
)

CHANGES: Final[tuple[tuple[str, ...], ...]] = (_FORMAT_1, _FORMAT_2, _FORMAT_3, _FORMAT_4)
"""CHANGES[n] makes format n + 1 from format n. The first entry makes an empty file a store."""

FORMAT: Final = len(CHANGES)
"""`user_version` of the files that this program writes."""
