"""Tests of the page of metrics."""

import socket
import urllib.request
from collections.abc import Sequence

import pytest
from machine_parts import NoControls, now_ms, pass_now, ready_board, run_of, verdict_event
from motion_services import free_port

from inspector.core.errors import ConfigError
from inspector.core.types import Cause, Verdict
from inspector.machine.controls import SourceCounts
from inspector.machine.prometheus import PrometheusOptions, PrometheusOutput

pytestmark = pytest.mark.services


class Counted(NoControls):
    def counts(self) -> Sequence[SourceCounts]:
        counts = SourceCounts(
            source="main",
            latency_ms={0.5: 20.0, 0.99: float("nan")},
            dropped={"overrun": 3},
            missing={"packets": 2},
            waiting={"office": 7},
        )
        return [counts]


def options(port: int) -> PrometheusOptions:
    return PrometheusOptions(kind="prometheus", expiry_ms=60_000, port=port)


def test_the_page_has_the_newest_values() -> None:
    from prometheus_client.parser import text_string_to_metric_families

    port, board = free_port(), ready_board(expiry_ms=60_000)
    output = PrometheusOutput(options(port), board, "outputs[0]", Counted())
    try:
        board.see_verdict(
            "main", verdict_event(Verdict.ERROR, captured_ms=now_ms(), cause=Cause.HEALTH), run_of()
        )
        pass_now(board)
        board.see_conditions("main", ("dirt",))
        text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read()
    finally:
        output.stop()
    values = {
        (sample.name.removeprefix("line_inspector_"), *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }
    station = ("station", "main")
    age_s = values.pop(("heartbeat_age_seconds", station))
    assert 0 <= age_s < 60
    assert values == {
        ("signal", ("signal", "pass"), station): 1,
        ("signal", ("signal", "reject"), station): 0,
        ("signal", ("signal", "not_ready"), station): 0,
        ("error_code", station): 0,
        ("heartbeat_total", station): 2,
        ("verdicts_total", station): 2,
        ("condition", ("condition", "dirt"), station): 1,
        ("frames_total", station, ("verdict", "ERROR")): 1,
        ("frames_total", station, ("verdict", "PASS")): 1,
        ("dropped_frames_total", ("cause", "overrun"), station): 3,
        ("missing_frames_total", ("cause", "packets"), station): 2,
        ("latency_seconds", ("quantile", "0.5"), station): 0.02,
        ("records_waiting", ("output", "office"), station): 7,
    }
    with socket.socket() as place:
        assert place.connect_ex(("127.0.0.1", port)) != 0, "the port is still open"


def test_a_port_in_use_is_refused() -> None:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        place.listen()
        port = place.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"outputs\[0\]: 127.0.0.1:{port}: .*in use"):
            PrometheusOutput(options(port), ready_board(), "outputs[0]", NoControls())
