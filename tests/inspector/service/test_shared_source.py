"""Tests that a source is handed from run to run, and no frame is lost or doubled."""

import random
import threading
from collections.abc import Mapping
from threading import Condition

import pytest
from pipeline_rig import ListSource, bad, frame
from source_reader import Reader

from inspector.core.errors import SourceLost
from inspector.core.protocols import NamesFrames
from inspector.core.types import BadFrame, Frame
from inspector.service.shared_source import SharedSource

COUNT = 300


class GatedSource(ListSource):
    """Waits in read() until `allow` frames are allowed. reading: set while it waits."""

    def __init__(self, count: int, *, live: bool = True) -> None:
        super().__init__([frame(i) for i in range(count)], live=live)
        self._allowed = threading.Semaphore(0)
        self.reading = threading.Event()

    def allow(self, count: int = 1) -> None:
        self._allowed.release(count)

    def read(self) -> Frame | BadFrame | None:
        self.reading.set()
        self._allowed.acquire()
        self.reading.clear()
        return super().read()

    def close(self) -> None:
        super().close()
        self.allow()


def share(source: ListSource) -> SharedSource:
    return SharedSource(source, Condition())


def split(shared: SharedSource, at: int = 0) -> None:
    with shared._changed:
        shared.hand_over(at)


@pytest.mark.parametrize("seed", range(4))
def test_every_frame_is_in_exactly_one_view_after_changes_at_random_times(seed: int) -> None:
    times = random.Random(seed)
    items = [bad(i) if i % 7 == 3 else frame(i) for i in range(COUNT)]
    shared = share(ListSource(items, pace_s=1e-3))
    readers = [Reader(shared.make_view())]
    while len(readers) < 30 and not shared.has_ended:
        readers.append(Reader(shared.make_view()))
        threading.Event().wait(times.random() * 3e-3)
        split(shared)
    for reader in readers:
        reader.finish()
    ids = [[item.frame_id for item in reader.items] for reader in readers]
    assert ids == [list(range(len(each))) for each in ids]
    times_s = [item.pts_s for reader in readers for item in reader.items if item.pts_s is not None]
    assert times_s == [i / 10 for i in range(COUNT) if i % 7 != 3]
    assert sum(map(len, ids)) == COUNT
    assert sum(bool(each) for each in ids) > 1


def test_a_frame_that_arrives_after_the_change_goes_to_the_new_view() -> None:
    source = GatedSource(3)
    shared = share(source)
    old, new = Reader(shared.make_view()), Reader(shared.make_view())
    source.allow()
    while not old.items:
        pass
    source.reading.wait(20)
    split(shared)
    assert old.is_alive()  # it waits for the camera
    source.allow(3)
    assert [item.pts_s for item in old.finish().items] == [0.0]
    assert [(item.frame_id, item.pts_s) for item in new.finish().items] == [(0, 0.1), (1, 0.2)]


def test_a_second_change_while_the_camera_is_silent() -> None:
    source = GatedSource(2)
    shared = share(source)
    readers = [Reader(shared.make_view())]
    source.reading.wait(20)
    for _ in range(2):
        readers.append(Reader(shared.make_view()))
        split(shared)
    readers[1].finish()
    source.allow(3)
    assert [len(reader.finish().items) for reader in readers] == [0, 0, 2]


def test_an_error_of_the_source_goes_to_the_current_view() -> None:
    source = GatedSource(0)
    source._items = iter([SourceLost("the camera is gone")])
    shared = share(source)
    old, new = Reader(shared.make_view()), Reader(shared.make_view())
    source.reading.wait(20)
    split(shared)
    source.allow()
    assert old.finish().error is None
    assert str(new.finish().error) == "the camera is gone"
    assert not shared.can_continue


def test_the_end_of_the_source_is_the_end_of_every_view() -> None:
    shared = share(ListSource([frame(0)]))
    first = Reader(shared.make_view()).finish()
    later = Reader(shared.make_view())
    split(shared, at=5)
    assert (len(first.items), later.finish().items) == (1, [])


def test_closing_a_view_closes_the_source_only_if_the_view_is_the_current_one() -> None:
    source = ListSource([frame(i) for i in range(9)])
    shared = share(source)
    old, new, unused = shared.make_view(), shared.make_view(), shared.make_view()
    new.close()
    assert old.read() is not None
    assert new.read() is None
    split(shared)  # the last view is the next one
    old.close()
    assert not source.closed.is_set()
    assert unused.read() is not None
    unused.close()
    assert source.closed.is_set()
    assert unused.read() is None


def test_a_view_that_was_closed_before_its_turn_gets_nothing() -> None:
    shared = share(ListSource([frame(i) for i in range(3)]))
    old, new = shared.make_view(), shared.make_view()
    new.close()
    split(shared)
    assert [old.read() is None for _ in range(4)] == [False, False, False, True]


def test_a_frame_that_arrives_while_the_source_is_closed_is_captured() -> None:
    source = GatedSource(1)
    source.close = lambda: None  # type: ignore[method-assign]  # it returns the frame after close()
    shared = share(source)
    reader = Reader(shared.make_view())
    source.reading.wait(20)
    reader.view.close()
    source.allow()
    assert len(reader.finish().items) == 1


def test_a_frame_that_another_reader_gets_after_the_close_is_captured() -> None:
    source = GatedSource(1)
    source.close = lambda: None  # type: ignore[method-assign]  # it returns the frame after close()
    shared = share(source)
    old = Reader(shared.make_view())
    source.reading.wait(20)
    new = shared.make_view()
    split(shared)
    reader = Reader(new)
    new.close()
    source.allow()
    assert (old.finish().items, len(reader.finish().items)) == ([], 1)


def test_a_frame_that_waits_for_a_view_that_was_closed_is_captured() -> None:
    shared = share(ListSource([frame(0)]))
    old, new = shared.make_view(), shared.make_view()
    split(shared)
    shared._read_source()  # by the reader of the view before
    new.close()
    assert old.read() is None
    assert new.read() is not None
    assert new.read() is None


def test_closing_the_source_ends_a_view_that_waits_for_its_turn() -> None:
    source = GatedSource(1)
    shared = share(source)
    old, new = Reader(shared.make_view()), Reader(shared.make_view())
    source.reading.wait(20)
    split(shared)
    shared.close()
    assert (old.finish().items, new.finish().items) == ([], [])


class CountingSource(ListSource):
    """A live source that drops frames, knows missing ones, and knows the names of its frames."""

    buffered = True
    dropped = 0
    connected = True
    names = tuple("abcdefgh")

    def __init__(self, ids: list[int]) -> None:
        super().__init__([frame(i) for i in ids], live=True)
        self.lost: dict[str, int] = {}

    def missing(self) -> Mapping[str, int]:
        return self.lost


def test_counts_and_names_are_those_of_the_view() -> None:
    source = CountingSource([0, 1, 3, 4, 6])
    shared = share(source)
    old, new = shared.make_view(), shared.make_view()
    assert isinstance(new, NamesFrames)
    assert [old.read().frame_id for _ in range(2)] == [0, 1]
    source.dropped, source.lost = 1, {"wire": 5}
    assert old.read().frame_id == 3
    split(shared)
    assert (old.dropped, old.missing(), new.dropped, new.missing()) == (1, {"wire": 5}, 0, {})
    assert new.read().frame_id == 0
    source.dropped, source.lost = 2, {"wire": 7}
    assert new.read().frame_id == 2  # number 1 was dropped
    assert (old.dropped, old.missing(), new.dropped, new.missing()) == (
        1,
        {"wire": 5},
        1,
        {"wire": 2},
    )
    assert list(new.names) == list("efgh")
    assert list(new.earlier_names) == list("abcd")


def test_a_frame_that_was_dropped_at_the_change_gives_no_negative_number() -> None:
    source = CountingSource([0, 1, 3])
    shared = share(source)
    old, new = shared.make_view(), shared.make_view()
    old.read()
    source.dropped = 1  # number 2, while number 1 waits to be read
    split(shared)
    assert [new.read().frame_id for _ in range(2)] == [0, 2]
    assert (old.dropped, new.dropped) == (1, 0)


def test_a_frame_that_is_dropped_during_the_change_is_in_one_view() -> None:
    class DroppingSource(CountingSource):
        """It drops a frame each time that the count is read."""

        @property
        def dropped(self) -> int:  # type: ignore[override]
            self.reads = getattr(self, "reads", -1) + 1
            return self.reads

    source = DroppingSource([0, 1])
    shared = share(source)
    old, new = shared.make_view(), shared.make_view()
    old.read()
    split(shared)
    assert old._until is not None
    assert old._until == new._from


def test_a_source_without_names_has_no_view_with_names() -> None:
    assert not isinstance(share(ListSource([])).make_view(), NamesFrames)
