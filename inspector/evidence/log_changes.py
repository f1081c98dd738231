"""Finds out what was changed in a log whose chain is broken: edited, deleted, inserted, moved.

A line is intact if its chain value fits its content and the value of the line with the number
before it, wherever that line is now. The intact lines tell the order; the others fill the gaps.
"""

import bisect
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Final

from inspector.core.chain import START, link
from inspector.evidence.log_check import read_lines
from inspector.evidence.report import Change

MOST_SHOWN: Final = 20
"""Number of changes of one log that are described; the rest is counted."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A line of the damaged log: its number there, and its seq if it is intact."""

    number: int
    seq: int | None


@dataclass(slots=True)
class Damage:
    """The changes of a log. wrong: numbers of the lines that are not where or as the run wrote
    them."""

    changes: list[Change] = field(default_factory=list)
    wrong: set[int] = field(default_factory=set)


def find_changes(path: Path, end: tuple[int, str] | None) -> Damage:
    """The changes of a log whose chain is broken.

    end: number of lines and last chain value, from summary.json; None if unknown. Raises OSError.
    """
    places = _find_intact(path, end)
    in_order = _longest_rising([place.seq for place in places if place.seq is not None])
    damage = Damage()
    moved: set[int] = set()
    missing: list[int] = []
    last, waiting = -1, list[_Place]()
    following = iter(sorted(in_order))
    expected = next(following, None)
    for place in places:
        if place.seq is not None and place.seq == expected:
            missing += _fill_gap(path.name, waiting, range(last + 1, place.seq), in_order, damage)
            moved |= {p.seq for p in waiting if p.seq is not None}
            last, waiting = place.seq, []
            expected = next(following, None)
        else:
            waiting.append(place)
    lines = max(last + 1, 0 if end is None else end[0])
    moved |= {place.seq for place in waiting if place.seq is not None}
    missing += _fill_gap(path.name, waiting, range(last + 1, lines), in_order, damage)
    gone = [seq for seq in missing if seq not in moved]
    damage.changes += _describe_deleted(path.name, gone, lines)
    if len(damage.changes) > MOST_SHOWN:
        more = f"{len(damage.changes) - MOST_SHOWN} more changes are not listed"
        damage.changes = [*damage.changes[:MOST_SHOWN], Change(path.name, "edited", "", more)]
    return damage


def _find_intact(path: Path, end: tuple[int, str] | None) -> list[_Place]:
    """All lines. A line after a deleted line is intact if the line after it depends on it."""
    values: dict[int, set[str]] = defaultdict(set)
    values[-1].add(START)
    for line in read_lines(path):
        if line.seq is not None and line.value is not None:
            values[line.seq].add(line.value)
    known = {seq: frozenset(group) for seq, group in values.items()}
    places: list[_Place] = []
    alone: list[tuple[int, int, str]] = []
    supported: set[str] = set()
    for line in read_lines(path):
        seq = line.seq
        if seq is None or line.value is None:
            places.append(_Place(line.number, None))
            continue
        before = values.get(seq - 1, set())
        fitting = [value for value in before if link(value, line.content) == line.value]
        # If the chain value of the line before was edited, the true one can be computed.
        computed = {link(value, line.content) for value in known.get(seq - 1, ())}
        values[seq] |= computed
        supported.update(fitting)
        if not fitting and not before:
            alone.append((len(places), seq, line.value))
        places.append(_Place(line.number, seq if fitting else None))
    if end is not None:
        supported.add(end[1])
    for index, seq, value in alone:
        if value in supported:
            places[index] = _Place(places[index].number, seq)
    return places


def _longest_rising(seqs: Sequence[int]) -> set[int]:
    """The values of the longest strictly rising subsequence: the lines that were not moved."""
    ends: list[int] = []
    indices: list[int] = []
    before: list[int] = []
    for index, seq in enumerate(seqs):
        at = bisect.bisect_left(ends, seq)
        before.append(indices[at - 1] if at else -1)
        ends[at : at + 1] = [seq]
        indices[at : at + 1] = [index]
    rising: set[int] = set()
    index = indices[-1] if indices else -1
    while index >= 0:
        rising.add(seqs[index])
        index = before[index]
    return rising


def _fill_gap(
    name: str, waiting: Sequence[_Place], free: range, in_order: set[int], damage: Damage
) -> list[int]:
    """Describes the lines that are between two intact lines. free: the seqs that belong there.
    Returns those that no line takes."""
    left = list(free)
    damage.wrong.update(place.number for place in waiting)
    for place in waiting:
        at = f"line {place.number}"
        if place.seq is not None and place.seq in in_order:
            damage.changes.append(Change(name, "inserted", at, "it repeats another line"))
        elif place.seq is not None:
            was = f"it was line {place.seq + 1}"
            damage.changes.append(Change(name, "reordered", at, was))
        elif left:
            left.pop(0)
            damage.changes.append(Change(name, "edited", at))
        else:
            damage.changes.append(Change(name, "inserted", at))
    return left


def _describe_deleted(name: str, seqs: Sequence[int], lines: int) -> list[Change]:
    """seqs: rising. lines: number of lines that the run wrote."""
    changes = []
    for _, group in groupby(enumerate(seqs), lambda pair: pair[1] - pair[0]):
        run = [seq for _, seq in group]
        first, last = run[0] + 1, run[-1] + 1
        place = f"line {first}" if first == last else f"lines {first} to {last}"
        kind = "truncated" if last == lines else "deleted"
        changes.append(Change(name, kind, place))
    return changes
