"""The benchmark of three cameras with outputs notices what is wrong, and works on a short run."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_for

from benchmarks.desk_line import RunningLine, find_logs
from benchmarks.machine import describe_receivers, read_event_ids
from benchmarks.machine_receivers import Deliveries, Highest, Receivers, reading

NAMES = ("left", "right")


def record(seq: int, source: str = "left") -> dict[str, Any]:
    return {"event_id": f"r/{source}/{seq}", "run_id": "r", "source": source, "seq": seq}


def test_deliveries_count_repeated_records_and_those_that_came_late() -> None:
    deliveries = Deliveries()
    for seq, source in ((1, "left"), (3, "left"), (3, "left"), (2, "left"), (1, "right")):
        deliveries.see(record(seq, source))
    assert list(deliveries.event_ids) == ["r/left/1", "r/left/3", "r/left/2", "r/right/1"]
    assert (deliveries.repeated, deliveries.out_of_order) == (1, 1)


def test_a_number_that_falls_is_noticed() -> None:
    highest = Highest()
    assert [highest.rises("a", number) for number in (2, 2, 5, 3, 4)] == [
        *(True, True, True),
        *(False, False),
    ]
    assert highest.rises("b", 1)


@pytest.mark.services
def test_all_receivers_get_what_a_short_run_sends(tmp_path: Path) -> None:
    for library in ("paho.mqtt", "pymodbus", "prometheus_client"):
        pytest.importorskip(library)
    web = {"uri": "synthetic", "frame_size": "64x48", "fps": 20, "synthetic": {"paced": True}}
    with contextlib.closing(Receivers(tmp_path, kill_s=1.0)) as receivers:
        values = {
            "engine": {"backend": "fake"},
            "verdict": {"image_threshold": 9, "pixel_threshold": 9},
            "log": {"path": None},
            "output": {"dir": str(tmp_path / "runs"), "video": {"enabled": False}},
            "outputs": receivers.entries(tmp_path / "outbox", NAMES),
            "sources": [{"name": name, "source": web} for name in NAMES],
        }
        line = RunningLine(tmp_path / "line", values)
        line.wait_for_first_frame(tmp_path / "runs")
        with reading(receivers, NAMES) as readers:
            wait_for(lambda: receivers.kills > 0 and readers.counts["prometheus"] > 1)
            receivers.rest()
            logged = read_event_ids(sorted(find_logs(tmp_path / "runs")))
            wait_for(lambda: receivers.consumer.deliveries.event_ids.keys() >= set(logged))
        assert line.stop() == 0
        figures = describe_receivers(receivers, readers)
    assert figures["out_of_order"] == figures["backwards"] == 0
    assert figures["state"]["mqtt_state"] > len(NAMES)
    assert figures["state"]["modbus"] > 0
    assert not [kind for kind in figures["state"] if "failed" in kind]
    assert figures["relay"]["pass"] > 0
    assert figures["relay_last"] != "pass"
