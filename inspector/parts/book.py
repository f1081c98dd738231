"""Holds the parts that one source sees, from their first frame to their last."""

from collections.abc import Hashable
from dataclasses import dataclass, field

from inspector.core.trace import UNTRACED, TraceFields
from inspector.parts.tally import Tally


@dataclass(slots=True)
class PartView:
    """What one source saw of one part.

    expected: number of frames that it must have; None: any number. all_needed: whether each dropped
    frame was needed, because each one shows another view. tally: its frames. is_cut: whether the
    run began or ended while the part was in front of the camera. trace: as far as it is known.
    key: the same in all sources, and different for each part, although a part_id may come again.
    code: text of the code on it, looked for in code_tries frames. code_error: why the part is ERROR
    because of its code; None if it is not.
    """

    part_id: str
    source: str
    key: Hashable
    expected: int | None = None
    all_needed: bool = False
    tally: Tally = field(default_factory=Tally)
    is_cut: bool = False
    trace: TraceFields = UNTRACED
    code: str | None = None
    code_tries: int = 0
    code_error: str | None = None

    @property
    def is_full(self) -> bool:
        """Whether all its frames are there or dropped."""
        return self.expected is not None and (
            self.tally.frames + self.tally.dropped >= self.expected
        )


class PartBook:
    """The open parts of one source, and those that were closed since the last call of take().

    continues: whether the first frame follows a frame of another run, so that a part may have begun
    before it.
    """

    def __init__(self, source: str, *, continues: bool = False) -> None:
        self._source = source
        self.continues = continues
        self._has_cut = False
        self._open: dict[Hashable, PartView] = {}
        self._closed: list[PartView] = []

    def begin(
        self,
        part_id: str,
        expected: int | None = None,
        *,
        all_needed: bool = False,
        is_cut: bool = False,
        key: Hashable = None,
    ) -> PartView:
        """The open part with this key; None: the part_id. It is new if there is none. is_cut: see
        PartView."""
        key = part_id if key is None else key
        view = self._open.get(key)
        if view is None:
            is_cut = is_cut or (self._has_cut and not all_needed)
            view = PartView(part_id, self._source, key, expected, all_needed, is_cut=is_cut)
            self._open[key] = view
        return view

    def close(self, key: Hashable) -> None:
        """Ends the part. Does nothing if it is not open."""
        view = self._open.pop(key, None)
        if view is not None:
            self._closed.append(view)

    def cut(self) -> None:
        """The run ends before its source, so the open parts are cut, and those that begin later.
        Parts of which each frame is needed lack frames then, so they need no mark."""
        self._has_cut = True
        for view in self._open.values():
            view.is_cut = view.is_cut or not view.all_needed

    def close_all(self) -> None:
        for key in tuple(self._open):
            self.close(key)

    def take(self) -> list[PartView]:
        closed, self._closed = self._closed, []
        return closed
