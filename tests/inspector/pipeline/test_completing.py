"""Tests of a sink that adds to inspections and events before the other sinks write them."""

from dataclasses import replace

import pytest
from event_parts import EventList, FailRuns
from pipeline_rig import ListSink, ListSource, fails_at, frame, make_pipeline, run

from inspector.core.errors import SinkError, StageError
from inspector.core.events import DefectClosed, Event
from inspector.core.types import Inspection
from inspector.pipeline.stages import Output


class Illustrator(ListSink):
    """Adds a picture to each frame and each defect. fail_after: number of pictures it can add."""

    name = "illustrator"

    def __init__(self, fail_after: int = 1000) -> None:
        super().__init__()
        self.warnings: list[str] = []
        self._left = fail_after

    def _make(self, name: str) -> str:
        if not self._left:
            raise SinkError("the disk is full")
        self._left -= 1
        return name

    def complete(self, inspection: Inspection) -> Inspection:
        return replace(inspection, pictures={0: self._make(f"f{inspection.frame_id}.jpg")})

    def complete_event(self, event: Event) -> Event:
        assert isinstance(event, DefectClosed)
        return replace(event, picture=self._make(f"d{event.track_id}.jpg"))


def run_with(sink: Illustrator, *, fatal: bool = False) -> EventList:
    events = EventList()
    source = ListSource(frame(i) for i in range(4))
    outputs = [Output(events), Output(sink, fatal=fatal)]
    run(make_pipeline(source, outputs, fails_at(1, 3), event_stages=[FailRuns()]))
    return events


def pictures(events: EventList) -> tuple[list[str | None], list[str | None]]:
    """Of the frames, and of the defects."""
    frames = [inspection.pictures.get(0) for inspection in events.inspections]
    return frames, [event.picture for event in events.events if isinstance(event, DefectClosed)]


def test_all_sinks_get_what_it_adds_also_those_before_it() -> None:
    sink = Illustrator()
    events = run_with(sink)
    assert pictures(events) == (["f0.jpg", "f1.jpg", "f2.jpg", "f3.jpg"], ["d1.jpg", "d2.jpg"])
    assert [i.pictures for i in sink.inspections] == [i.pictures for i in events.inspections]
    assert [event.seq for event in events.events] == [7, 10]


def test_after_its_failure_the_run_goes_on_without_it() -> None:
    sink = Illustrator(fail_after=3)
    assert pictures(run_with(sink)) == (["f0.jpg", "f1.jpg", "f2.jpg", None], [None, None])
    assert sink.closed == 1


def test_its_failure_ends_the_run_if_it_is_fatal() -> None:
    with pytest.raises((SinkError, StageError), match="the disk is full"):
        run_with(Illustrator(fail_after=3), fatal=True)
