"""Tests that a line which changes its run often sends each record once, with a receiver away."""

from pathlib import Path

import pytest
from line_outputs import ENTRY, LineServer, free_port
from line_rig import LineRig, write_line

from inspector.outputs.kinds import OUTPUTS


def test_runs_that_change_while_the_receiver_is_away_send_their_records_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some of the runs end before the runs before them have left the outbox."""
    monkeypatch.setitem(OUTPUTS, "lines", ENTRY)
    port = free_port()
    queue = {"dir": str(tmp_path / "outbox"), "timeout_s": 1, "retry_first_s": 0.5, "drain_s": 5}
    outputs = [
        {"kind": "lines", "name": name, "port": port, "queue": queue | {"retry_max_s": 0.5}}
        for name in ("a", "b")
    ]
    with LineRig(write_line(tmp_path, outputs=outputs)) as rig:
        for number in range(5):
            rig.wait_for_frames(number % 2)
            answer = rig.ask("thresholds", source="main", image_threshold=10 + number)
            assert answer.done, answer.text
        rig.wait_for_frames()
        server = LineServer(port)
    server.stop()
    logs = [run.records for run in rig.runs()]
    assert len(logs) == 6
    assert server.event_ids == [record["event_id"] for log in logs for record in log[1:]]
    for name in ("a", "b"):
        counts = [run.summary["outputs"][name] for run in rig.runs()]
        assert sum(each["appended"] for each in counts) == len(server.event_ids)
        assert counts[-1]["waiting"] == 0
        for each in counts:
            before = each["waiting_at_start"] + each["appended"]
            after = each["delivered"] + each["refused"] + each["dropped"] + each["waiting"]
            assert before == after
