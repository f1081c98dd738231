"""Decides which frames belong to which part: by their numbers, their names, or a zone."""

import re
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Protocol

from inspector.core.types import Cause, Inspection
from inspector.parts.book import PartBook, PartView
from inspector.parts.presence import ZonePresence
from inspector.parts.tally import FrameFacts

GAPS_LISTED: Final = 200


class Grouping(Protocol):
    """Adds each frame to its part in a PartBook, and closes the parts."""

    def see(self, inspection: Inspection, facts: FrameFacts, dropped: range) -> PartView | None:
        """The part of this frame; None if it shows none. dropped: numbers of the frames between
        the previous one and this one."""
        ...

    def tick(self, now_s: float) -> None:
        """Called from time to time on a live source, also while no frame comes. now_s: monotonic
        time."""
        ...

    def finish(self, dropped: range, *, complete: bool) -> None:
        """Closes all parts. dropped: ends with the number of captured frames. complete: False if
        the run was stopped before its end."""
        ...


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of a frame in its part. expected: number of frames that the part must have. is_cut:
    whether an earlier run got frames of the part."""

    part_id: str
    last_frame_id: int
    expected: int
    is_cut: bool = False


class SequenceGrouping:
    """Parts whose frames are known from the frame numbers, so that dropped frames are known too.

    find_slot: frame number -> its place; None if it belongs to no part.
    """

    def __init__(self, book: PartBook, find_slot: Callable[[int], Slot | None]) -> None:
        self._book = book
        self._find_slot = find_slot

    def see(self, inspection: Inspection, facts: FrameFacts, dropped: range) -> PartView | None:
        self._drop(dropped)
        slot = self._find_slot(facts.frame_id)
        if slot is None:
            return None
        view = self._begin(slot)
        view.tally.add(facts)
        self._close_last(facts.frame_id, slot)
        return view

    def tick(self, now_s: float) -> None:
        """No part ends by time."""

    def finish(self, dropped: range, *, complete: bool) -> None:
        self._drop(dropped)
        self._book.close_all()

    def _drop(self, frame_ids: range) -> None:
        for frame_id in frame_ids:
            if (slot := self._find_slot(frame_id)) is not None:
                self._begin(slot).tally.dropped += 1
                self._close_last(frame_id, slot)

    def _begin(self, slot: Slot) -> PartView:
        return self._book.begin(slot.part_id, slot.expected, all_needed=True, is_cut=slot.is_cut)

    def _close_last(self, frame_id: int, slot: Slot) -> None:
        if frame_id == slot.last_frame_id:
            self._book.close(slot.part_id)


def count_frames(prefix: str, frames: int) -> Callable[[int], Slot]:
    """Slots of parts that each have `frames` consecutive frames."""

    def find_slot(frame_id: int) -> Slot:
        number = frame_id // frames
        return Slot(f"{prefix}/p{number + 1}", (number + 1) * frames - 1, frames)

    return find_slot


def match_names(
    read_names: Callable[[], Sequence[str]],
    pattern: str,
    frames: int | None,
    read_earlier: Callable[[], Sequence[str]] = tuple,
) -> Callable[[int], Slot | None]:
    """Slots of parts whose part_id is in the names of their pictures.

    read_names: gives the names of the pictures in the order of their frames. It is called with the
    first frame, because a run that continues another one knows them only then. pattern: regular
    expression; its first group is the part_id, or the whole match if it has no group. frames:
    number of pictures that each part must have; None: those that are there. read_earlier: gives
    the names of the pictures that an earlier run got.
    """
    expression = re.compile(pattern)

    def find_parts(names: Sequence[str]) -> list[str | None]:
        matches = [expression.search(name) for name in names]
        return [match and (match[1] if expression.groups else match[0]) for match in matches]

    @cache
    def match() -> tuple[list[str | None], Counter[str | None], dict[str | None, int], set[Any]]:
        part_ids = find_parts(read_names())
        last = {name: number for number, name in enumerate(part_ids)}
        return part_ids, Counter(part_ids), last, set(find_parts(read_earlier()))

    def find_slot(frame_id: int) -> Slot | None:
        part_ids, counts, last, cut = match()
        part_id = part_ids[frame_id]
        if not part_id:
            return None
        expected = counts[part_id] if frames is None else frames
        return Slot(part_id, last[part_id], expected, part_id in cut)

    return find_slot


class BlindGaps:
    """Places at which parts may have passed unseen: no frame there shows whether a part is present.

    count: number of all gaps. newest: the frames before and after the last GAPS_LISTED of them.
    """

    def __init__(self) -> None:
        self.count = 0
        self.newest: deque[Mapping[str, int]] = deque(maxlen=GAPS_LISTED)
        self._next = 0

    def see(self, frame_id: int) -> None:
        """Called for each frame that shows whether a part is present, and with the number of
        frames at the end."""
        if frame_id > self._next:
            self.count += 1
            self.newest.append({"last_frame_id": self._next - 1, "first_frame_id": frame_id})
        self._next = frame_id + 1


_NO_SCENE: Final = (Cause.DECODE, Cause.STALE, Cause.SIZE)
"""Causes of ERROR frames whose picture does not show the scene."""


def shows_scene(inspection: Inspection) -> bool:
    """Whether its picture shows the scene at the time of the frame.

    A picture that is unlike the good ones (health) may show the empty scene.
    """
    return inspection.frame.image is not None and inspection.cause not in _NO_SCENE


class ZoneGrouping:
    """A part lasts from the first frame in which it is in the zone to the last one.

    A frame without a usable picture belongs to the part that was in the zone before it. expected:
    number of frames that a part must have; None: any number. gap_frames: number of frames in a row
    without a part after which it has left, such as 3 for a ring. They do not belong to the part.
    In a run that continues another one, a part is cut until so many frames without a part came.
    """

    def __init__(
        self,
        book: PartBook,
        prefix: str,
        presence: ZonePresence,
        expected: int | None,
        gap_frames: int = 1,
    ) -> None:
        self._book, self._prefix, self._presence = book, prefix, presence
        self._expected, self._gap_frames = expected, gap_frames
        self._number = 0
        self._empty_frames = 0
        self._may_be_cut = book.continues
        self._active: PartView | None = None
        self.gaps = BlindGaps()

    def see(self, inspection: Inspection, facts: FrameFacts, dropped: range) -> PartView | None:
        self._drop(dropped)
        image = inspection.frame.image
        if image is not None and shows_scene(inspection):
            self.gaps.see(facts.frame_id)
            self._update(self._presence.see(image))
        if self._active is None or self._empty_frames:
            return None
        self._active.tally.add(facts)
        return self._active

    def tick(self, now_s: float) -> None:
        """No part ends by time."""

    def finish(self, dropped: range, *, complete: bool) -> None:
        self._drop(dropped)
        self.gaps.see(dropped.stop)
        self._book.close_all()

    def _drop(self, frame_ids: range) -> None:
        if self._active is not None:
            self._active.tally.dropped += len(frame_ids)

    def _update(self, present: bool) -> None:
        self._empty_frames = 0 if present else self._empty_frames + 1
        if self._empty_frames >= self._gap_frames:
            self._may_be_cut = False
        if present and self._active is None:
            self._number += 1
            part_id = f"{self._prefix}/p{self._number}"
            self._active = self._book.begin(part_id, self._expected, is_cut=self._may_be_cut)
        elif self._active is not None and self._empty_frames >= self._gap_frames:
            self._book.close(self._active.part_id)
            self._active = None
