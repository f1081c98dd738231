"""Compares two logs of the same frames, record by record and field by field."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

from evaluation.replay.recorded import Record, RecordedRun, read_lines
from inspector.core.trace import TRACE_FIELDS
from inspector.outputs.folder import LOG, SUMMARY

MAY_DIFFER: Final[dict[str, tuple[str, ...]]] = {
    "": ("run_id", "event_id", "chain", "captured_ns", "wall_time_utc"),
    "header": (
        *("started_utc", "output_dir", "config", "config_hash", "source_hash", "version"),
        "video_encoder",
    ),
    "verdict": ("judged_ns",),
    "measured": ("judged_ns", "timings_ms"),
    "defect_closed": ("picture",),
    "checkpoint": ("files", "key_id", "signature"),
}
"""Type of a record -> fields that may differ; "" for every type. They are times, ids, the folder,
pictures that a replay does not draw, and hashes and signatures of files with times. docs/replay.md
lists them."""

MAY_DIFFER_INSIDE: Final = (
    ("parity", "seconds"),
    ("judged_by", "path"),
    ("source_info", "source_id"),
    ("source_info", "path"),
    ("source_info", "decoder"),
    ("web", "encoder_mm"),
)
"""Fields inside other fields that may differ: a time, places of files that were moved, and the
position that a machine of the line gave; the place on the web follows from it."""

OF_FRAMES: Final = ("header", "verdict", "measured")
OF_TRACKS: Final = ("defect_closed", "ledger", "roll", "web")
OF_PARTS: Final = ("part", "ledger", "part_id", *TRACE_FIELDS)
"""Types of records, and fields of all records, that follow from tracks, and from parts."""

MOST_SHOWN: Final = 20
MISSING: Final = "(missing)"


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """frame_id: None outside frames. field: dotted path. old, new: the values as JSON."""

    type: str
    frame_id: int | None
    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class LogComparison:
    """records: number of compared records. different: number of those that differ. shown: their
    first differences. unmatched: fields that only one of the logs has, with the number of records.
    not_replayed: frames without a picture to judge again. behind_cut: records of the replay after
    the end of a log that was cut.
    """

    records: int
    different: int
    shown: tuple[FieldDifference, ...]
    unmatched: Mapping[str, int]
    not_replayed: tuple[int, ...]
    behind_cut: int

    @property
    def identical(self) -> bool:
        return self.different == 0


class _Counts:
    """The numbers of a LogComparison so far."""

    def __init__(self) -> None:
        self.records = self.different = self.behind_cut = 0
        self.shown: list[FieldDifference] = []
        self.unmatched: dict[str, int] = {}


def compare_logs(
    old: RecordedRun,
    new: RecordedRun,
    *,
    skipped: tuple[int, ...] = (),
    left_out: Collection[str] = (),
) -> LogComparison:
    """skipped: frames that could not be judged again. left_out: OF_TRACKS, OF_PARTS, or both, if
    the replay cannot repeat them."""
    counts = _Counts()
    # The number of a line depends on all lines before it.
    exact = not skipped and not left_out
    before = _mark_last(_groups(old, frozenset(skipped), left_out))
    after = _groups(new, frozenset(), left_out)
    for recorded, again in zip_longest(before, after):
        group, is_last = recorded or ([], True)
        ends = old.cut and is_last
        exact = _compare_groups(group, again or [], exact, counts, ends_cut=ends)
    if old.counted not in (None, old.frames):
        counts.different += 1
        lengths = (f"{old.counted} in {SUMMARY}", f"{old.frames} in {LOG}")
        counts.shown.append(FieldDifference("summary", None, "frames", *lengths))
    return LogComparison(
        counts.records,
        counts.different,
        tuple(counts.shown),
        counts.unmatched,
        skipped,
        counts.behind_cut,
    )


def _groups(
    run: RecordedRun, skipped: frozenset[int], left_out: Collection[str]
) -> Iterator[list[Record]]:
    """The header, then the records of each frame with the events that follow it."""
    group: list[Record] = []
    for record in read_lines(run.log, run.header.get("run_id")):
        if record["type"] in left_out:
            continue
        defects = record["defects"] if record["type"] == "measured" else ()
        for values in (record, *defects):
            for name in left_out:
                values.pop(name, None)
        if group and record["type"] == "verdict":
            if _frame_of(group) not in skipped:
                yield group
            group = []
        group.append(record)
    if group and _frame_of(group) not in skipped:
        yield group


def _frame_of(group: list[Record]) -> int:
    """-1 for the header."""
    return -1 if group[0]["type"] == "header" else int(group[0]["frame_id"])


def _mark_last(groups: Iterator[list[Record]]) -> Iterator[tuple[list[Record], bool]]:
    group = next(groups, None)
    while group is not None:
        following = next(groups, None)
        yield group, following is None
        group = following


def _compare_groups(
    before: list[Record], after: list[Record], exact: bool, counts: _Counts, *, ends_cut: bool
) -> bool:
    """Returns whether line numbers can be compared after this group. ends_cut: the recorded log
    ends here, and its events are incomplete."""
    if ends_cut:
        complete = [record for record in before if record["type"] in OF_FRAMES]
        counts.behind_cut += max(0, len(after) - len(complete))
        before, after = complete, after[: len(complete)]
    for old, new in zip_longest(before, after):
        counts.records += 1
        if old is None or new is None or _key(old) != _key(new):
            _note_whole(old, new, counts)
            exact = False
            continue
        differences = list(_compare(old, new, exact, counts.unmatched))
        counts.different += bool(differences)
        counts.shown += differences[: MOST_SHOWN - len(counts.shown)]
    return exact


def _key(record: Record) -> tuple[str, Any]:
    return record["type"], record["frame_id"]


def _note_whole(old: Record | None, new: Record | None, counts: _Counts) -> None:
    counts.different += 1
    if len(counts.shown) < MOST_SHOWN:
        record = old or new or {}
        texts = [
            MISSING if r is None else f"{r['type']} of frame {r['frame_id']}" for r in (old, new)
        ]
        place = (record["type"], record["frame_id"], "record")
        counts.shown.append(FieldDifference(*place, texts[0], texts[1]))


def _compare(
    old: Record, new: Record, exact: bool, unmatched: dict[str, int]
) -> Iterator[FieldDifference]:
    """The fields that differ. Adds fields that only one record has to `unmatched`."""
    kind = old["type"]
    for record in (old, new):
        for name in (*MAY_DIFFER[""], *MAY_DIFFER.get(kind, ()), *(() if exact else ("seq",))):
            record.pop(name, None)
        for outer, inner in MAY_DIFFER_INSIDE:
            (record.get(outer) or {}).pop(inner, None)
    for name in old.keys() ^ new.keys():
        unmatched[f"{kind}.{name}"] = unmatched.get(f"{kind}.{name}", 0) + 1
        old.pop(name, None)
        new.pop(name, None)
    # The texts differ also if only the order of the fields differs.
    if json.dumps(old) == json.dumps(new):
        return
    places = list(_walk(old, new, ""))
    for place, before, after in places or [("order of the fields", list(old), list(new))]:
        yield FieldDifference(kind, old["frame_id"], place, _short(before), _short(after))


def _walk(old: Any, new: Any, place: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            inner = f"{place}.{key}" if place else key
            yield from _walk(old.get(key, MISSING), new.get(key, MISSING), inner)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, pair in enumerate(zip(old, new, strict=True)):
            yield from _walk(*pair, f"{place}[{number}]")
    elif json.dumps(old) != json.dumps(new):
        yield place, old, new


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
