"""Tests of the accounting of frames by cause."""

from collections.abc import Mapping

import numpy as np
import pytest
from pipeline_rig import ListSink, ListSource, RigEngine, bad, frame, make_pipeline, run

from inspector.pipeline.stats import RunStats


class Truncated(ListSource):
    """A source whose header promised more frames than it gave."""

    def missing(self) -> Mapping[str, int]:
        return {"truncated": 77}


def test_errors_are_counted_by_cause() -> None:
    items = [frame(0), bad(1), frame(2), bad(3)]
    pipeline = make_pipeline(ListSource(items), [ListSink()], RigEngine(lambda i: [0.0, np.nan][i]))
    run(pipeline)
    counts = pipeline.stats.as_dict()
    assert counts["errored"] == 3
    assert counts["errored_by_cause"] == {
        "decode": 2,
        "stale": 0,
        "size": 0,
        "not_finite": 1,
        "health": 0,
        "no_product": 0,
    }
    assert counts["dropped_by_cause"] == {"overrun": 0, "abort": 0}
    assert (counts["expected"], counts["missing"], counts["missing_by_cause"]) == (4, 0, {})
    assert pipeline.stats.equation() == (
        "captured 4 = inspected 1 + dropped 0 + errored 3 (decode 2, not_finite 1)"
    )


def test_frames_that_a_source_never_received_are_counted_as_missing() -> None:
    pipeline = make_pipeline(Truncated(frame(i) for i in range(73)), [ListSink()])
    run(pipeline)
    counts = pipeline.stats.as_dict()
    assert (counts["captured"], counts["missing"], counts["expected"]) == (73, 77, 150)
    assert counts["missing_by_cause"] == {"truncated": 77}
    assert pipeline.stats.equation() == (
        "expected 150 = captured 73 + missing 77 (truncated 77); "
        "captured 73 = inspected 73 + dropped 0 + errored 0"
    )


@pytest.mark.parametrize(("live", "cause"), [(True, "overrun"), (False, "abort")])
def test_drops_are_counted_by_cause(live: bool, cause: str) -> None:
    source = ListSource((frame(i) for i in range(30)), live=live, pace_s=0.001)
    pipeline = make_pipeline(source, [ListSink()], RigEngine(delay_s=0.02))
    pipeline.start()
    while pipeline.stats.captured < 8:
        pipeline.wait(0.002)
    if not live:
        pipeline.abort()
    pipeline.finish()
    counts = pipeline.stats.as_dict()
    assert counts["dropped_by_cause"][cause] == counts["dropped"] > 0
    assert counts["captured"] == counts["inspected"] + counts["dropped"]
    assert f"({cause} {counts['dropped']})" in pipeline.stats.equation()


def test_a_count_that_does_not_add_up_is_an_error() -> None:
    stats = RunStats()
    stats.received = 1
    assert not stats.balanced
