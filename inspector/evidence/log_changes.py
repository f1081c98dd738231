"""Finds out what was changed in a log whose chain is broken: edited, deleted, inserted, moved.

A line is intact if its chain value fits its content and the value of the line with the number
before it, wherever that line is now. The intact lines tell the order; the others fill the gaps.
"""

import bisect
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from inspector.core.chain import START, link
from inspector.evidence.log_check import RawLine, read_lines
from inspector.evidence.report import Change

MOST_SHOWN: Final = 20
"""Number of changes of one log that are described; the rest is counted."""

_MOST_CANDIDATES: Final = 8
"""Number of lines with the same seq that are tried as the line before another line."""

_NOT_INTACT: Final = -1


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
    seqs = _Links(path, end).intact_seqs()
    in_order = _longest_rising([seq for seq in seqs if seq != _NOT_INTACT])
    rising = set(in_order)
    damage = Damage()
    missing: list[range] = []
    last, first_waiting = -1, 0
    following = iter(in_order)
    expected = next(following, None)
    for index, seq in enumerate(seqs):
        if seq == expected:
            waiting = range(first_waiting, index)
            free = range(last + 1, seq)
            missing.append(_fill_gap(path.name, waiting, seqs, free, rising, damage))
            last, first_waiting = seq, index + 1
            expected = next(following, None)
    lines = max(last + 1, 0 if end is None else end[0])
    waiting = range(first_waiting, len(seqs))
    missing.append(_fill_gap(path.name, waiting, seqs, range(last + 1, lines), rising, damage))
    moved = sorted({seqs[number - 1] for number in damage.wrong} - rising - {_NOT_INTACT})
    for gap in missing:
        damage.changes += _describe_deleted(path.name, gap, moved, lines)
    if len(damage.changes) > MOST_SHOWN:
        more = f"{len(damage.changes) - MOST_SHOWN} more changes are not listed"
        damage.changes = [*damage.changes[:MOST_SHOWN], Change(path.name, "edited", "", more)]
    return damage


class _Links:
    """Finds the lines that are intact. end: as in find_changes."""

    def __init__(self, path: Path, end: tuple[int, str] | None) -> None:
        self._path = path
        self._values: dict[int, tuple[str, ...]] = {-1: (START,)}
        # Chain values on which a line depends.
        self._supported = set() if end is None else {end[1]}

    def intact_seqs(self) -> "array[int]":
        """The seq of each line; _NOT_INTACT for one that is not intact."""
        for line in read_lines(self._path):
            if (seq := line.seq) is not None and line.value is not None:
                self._add(seq, line.value)
        seqs = array("q")
        alone: list[tuple[int, int, str]] = []
        last_seq, last_value = -1, START
        for line in read_lines(self._path):
            seq, value = line.seq, line.value
            if seq is None or value is None:
                seqs.append(_NOT_INTACT)
                continue
            follows = seq == last_seq + 1 and link(last_value, line.content) == value
            if follows and alone and alone[-1][0] == len(seqs) - 1:
                self._supported.add(last_value)
            if follows or self._is_intact(line, seq):
                seqs.append(seq)
            else:
                if seq - 1 not in self._values:
                    alone.append((len(seqs), seq, value))
                seqs.append(_NOT_INTACT)
            last_seq, last_value = seq, value
        # A line after a deleted line is intact if the line after it depends on it.
        for index, seq, value in alone:
            if value in self._supported:
                seqs[index] = seq
        return seqs

    def _is_intact(self, line: RawLine, seq: int) -> bool:
        """Compares the line with all lines that have the number before it."""
        intact = False
        for before in self._values.get(seq - 1, ()):
            value = link(before, line.content)
            if value == line.value:
                self._supported.add(before)
                intact = True
            else:
                # The true value, if only the chain value of this line was edited.
                self._add(seq, value)
        return intact

    def _add(self, seq: int, value: str) -> None:
        values = self._values.get(seq, ())
        if len(values) < _MOST_CANDIDATES and value not in values:
            self._values[seq] = (*values, value)


def _longest_rising(seqs: Sequence[int]) -> list[int]:
    """The longest strictly rising subsequence: the lines that were not moved."""
    ends: list[int] = []
    indices: list[int] = []
    before: list[int] = []
    for index, seq in enumerate(seqs):
        at = bisect.bisect_left(ends, seq)
        before.append(indices[at - 1] if at else -1)
        ends[at : at + 1] = [seq]
        indices[at : at + 1] = [index]
    rising = []
    index = indices[-1] if indices else -1
    while index >= 0:
        rising.append(seqs[index])
        index = before[index]
    return rising[::-1]


def _fill_gap(
    name: str, waiting: range, seqs: Sequence[int], free: range, rising: set[int], damage: Damage
) -> range:
    """Describes the lines between two intact lines. waiting: their indices. free: the seqs that
    belong there. Returns those that no line takes."""
    for index in waiting:
        seq, at = seqs[index], f"line {index + 1}"
        damage.wrong.add(index + 1)
        if seq in rising:
            damage.changes.append(Change(name, "inserted", at, "it repeats another line"))
        elif seq != _NOT_INTACT:
            damage.changes.append(Change(name, "reordered", at, f"it was line {seq + 1}"))
        elif free:
            free = free[1:]
            damage.changes.append(Change(name, "edited", at))
        else:
            damage.changes.append(Change(name, "inserted", at))
    return free


def _describe_deleted(name: str, gap: range, moved: Sequence[int], lines: int) -> Iterator[Change]:
    """gap: the seqs that are missing at one place. moved: rising; those that are elsewhere. lines:
    number of lines that the run wrote."""
    elsewhere = moved[bisect.bisect_left(moved, gap.start) : bisect.bisect_left(moved, gap.stop)]
    first = gap.start
    for stop in (*elsewhere, gap.stop):
        if first < stop:
            place = f"line {stop}" if first + 1 == stop else f"lines {first + 1} to {stop}"
            yield Change(name, "truncated" if stop == lines else "deleted", place)
        first = stop + 1
