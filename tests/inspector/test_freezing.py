"""Old objects are hidden from the garbage collector once."""

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from inspector.config import load_config
from inspector.core.memory import freeze_objects
from inspector.session import Session


class Ring:
    """Refers to itself, so only the garbage collector frees it."""

    def __init__(self) -> None:
        self.ring = self


@pytest.fixture(autouse=True)
def nothing_frozen() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_old_objects_are_hidden() -> None:
    old = Ring()
    gone = weakref.ref(old)
    freeze_objects()
    del old
    gc.collect()
    assert gone() is not None


def test_later_objects_are_freed_also_after_a_second_call() -> None:
    freeze_objects()
    later = Ring()
    gone = weakref.ref(later)
    freeze_objects()
    del later
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("live", [False, True])
def test_a_session_hides_them_for_a_live_source(tmp_path: Path, live: bool) -> None:
    settings = {
        "source.uri": "synthetic",
        "source.frame_size": "320x240",
        "source.synthetic.frames": 3,
        "source.synthetic.paced": live,
        "engine.backend": "fake",
        "verdict.pixel_threshold": 9,
        "output.dir": str(tmp_path / "out"),
        "log.path": None,
    }
    assert Session(load_config(None, settings)).run() == 0
    assert bool(gc.get_freeze_count()) is live
