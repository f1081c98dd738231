"""The open tracks, and the links between tracks that may be the same defect."""

from collections.abc import Sequence

from inspector.tracking.tracks import Link, Track


class OpenTracks:
    """Tracks by number. Tracks that touch each other have a link."""

    def __init__(self) -> None:
        self.by_number: dict[int, Track] = {}
        self._links: dict[tuple[int, int], Link] = {}

    def link(self, first: Track, second: Track) -> Link:
        """The link of two tracks; it is made if there is none."""
        first.links.add(second.number)
        second.links.add(first.number)
        return self._links.setdefault(_key(first.number, second.number), Link())

    def links_between(self, numbers: Sequence[int]) -> list[Link]:
        """The links that connect these tracks with each other, in the order of their numbers."""
        keys = {_key(n, m) for n in numbers for m in self.by_number[n].links if m in numbers}
        return [self._links[key] for key in sorted(keys)]

    def note_apart(self, numbers: Sequence[int]) -> None:
        """Counts a frame that shows these tracks as separate outlines."""
        seen = set(numbers)
        for number in numbers:
            track = self.by_number[number]
            for other in track.links & seen:
                cut = track.last.defect.truncated or self.by_number[other].last.defect.truncated
                if number < other and not cut:
                    self._links[_key(number, other)].apart += 1

    def group(self, number: int) -> set[int]:
        """A track and all tracks that are linked to it, directly or through others."""
        return self._reach(number, same=False)

    def same_defect(self, number: int) -> set[int]:
        """A track and all tracks that are the same defect."""
        return self._reach(number, same=True)

    def _reach(self, number: int, *, same: bool) -> set[int]:
        members, waiting = set[int](), [number]
        while waiting:
            if (member := waiting.pop()) not in members:
                members.add(member)
                links = self.by_number[member].links
                waiting += [n for n in links if not same or self._links[_key(member, n)].is_same]
        return members

    def remove(self, number: int) -> None:
        for other in self.by_number.pop(number).links:
            if other in self.by_number:
                self.by_number[other].links.discard(number)
            self._links.pop(_key(number, other), None)

    def drop_unlogged(self) -> None:
        """Forgets the frames that are not in the log, because the run was aborted."""
        for number in [n for n, track in self.by_number.items() if not track.drop_unlogged()]:
            self.remove(number)
        for link in self._links.values():
            link.views = [view for view in link.views if view.frame.seq is not None]


def _key(first: int, second: int) -> tuple[int, int]:
    return min(first, second), max(first, second)
