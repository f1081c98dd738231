"""Tests of an output with an outbox and a TCP receiver that is slow, fails and disappears."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from line_outputs import LineOptions, LineSender, LineServer, free_port
from queued_outputs import open_output, put, threads

from inspector.core.errors import SinkError
from inspector.outputs.outbox import Outbox, QueuedRecord
from inspector.outputs.queued import QueuedOutput
from inspector.outputs.sender import BusyError, RefusedError
from inspector.outputs.turns import Turn


def put_large(output: QueuedOutput) -> None:
    """Puts 1.5 MB."""
    for number in range(1500):
        output.put({"event_id": f"run-{number}", "pad": "x" * 1000})


def test_a_receiver_that_disconnects_gets_every_record_in_order(tmp_path: Path) -> None:
    server = LineServer(break_after=(1, 5, 90, 91, 180))
    output = open_output(tmp_path, server.port)
    event_ids = put(output, 0, 300)
    output.close()
    assert server.event_ids == event_ids
    assert len(server.records) > 300, "a broken batch is sent again"
    counts = output.counts()
    assert (counts["appended"], counts["delivered"], counts["waiting"]) == (300, 300, 0)
    assert threads() == []
    server.stop()


class BatchSender:
    """Notes the number of records of each delivery."""

    batch = 100

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.sent = threading.Event()

    def wants(self, record: Mapping[str, Any]) -> bool:
        return True

    def send(self, records: Sequence[QueuedRecord], timeout_s: float) -> None:
        self.sizes.append(len(records))
        self.sent.set()

    def close(self) -> None: ...


def test_records_that_come_after_a_small_delivery_are_sent_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inspector.outputs.queued.GATHER_S", 60.0)
    sender = BatchSender()
    output = open_output(tmp_path, 0, sender)
    put(output, 0, 1)
    assert sender.sent.wait(20)
    put(output, 1, 21)
    output.close()
    assert sender.sizes == [1, 20]


def test_a_restarted_receiver_gets_every_record(tmp_path: Path, messages: list[str]) -> None:
    server = LineServer()
    output = open_output(tmp_path, server.port)
    put(output, 0, 50)
    assert server.wait_for(50)
    server.stop()
    put(output, 50, 150)
    assert output.counts()["waiting"] >= 100
    back = LineServer(server.port)
    assert back.wait_for(100)
    put(output, 150, 160)
    output.close()
    assert server.event_ids == [f"run-{number}" for number in range(50)]
    assert back.event_ids[-110:] == [f"run-{number}" for number in range(50, 160)]
    assert sum("cannot deliver and will try again" in line for line in messages) == 1
    assert any("delivers again" in line for line in messages)
    back.stop()


def test_a_link_that_breaks_before_each_full_batch_still_makes_progress(tmp_path: Path) -> None:
    port = free_port()
    output = open_output(tmp_path, port)
    event_ids = put(output, 0, 300)
    server = LineServer(port, break_after=range(60, 10_000, 60))
    output.close()
    assert server.event_ids == event_ids
    assert output.counts()["waiting"] == 0
    server.stop()


def test_writing_never_waits_for_a_receiver_that_does_not_answer(tmp_path: Path) -> None:
    server = LineServer()
    server.answering.clear()
    output = open_output(tmp_path, server.port, timeout_s=60.0)
    event_ids = put(output, 0, 500)
    assert server.wait_for(1)
    # All records are handed over before the first one is confirmed.
    counts = output.counts()
    assert (counts["appended"], counts["delivered"], counts["waiting"]) == (500, 0, 500)
    server.answering.set()
    output.close()
    assert server.event_ids == event_ids
    server.stop()


class Refusing(LineSender):
    """Refuses some records for good, and asks for a long pause once."""

    def __init__(self, port: int, refused: Sequence[str]) -> None:
        super().__init__(LineOptions(kind="lines", port=port))
        self.refused = [event_id.encode() for event_id in refused]
        self.is_busy = True

    def send(self, records: Sequence[QueuedRecord], timeout_s: float) -> None:
        if self.is_busy:
            self.is_busy = False
            raise BusyError("later, please", 1e9)
        if any(b'"' + name + b'"' in record.body for record in records for name in self.refused):
            raise RefusedError("this is no record of mine")
        super().send(records, timeout_s)


def test_a_record_that_is_refused_alone_is_counted_and_does_not_block_the_others(
    tmp_path: Path, messages: list[str]
) -> None:
    server = LineServer()
    refused = ["run-0", "run-57", "run-58", "run-199"]
    output = open_output(tmp_path, server.port, Refusing(server.port, refused))
    event_ids = put(output, 0, 200)
    output.close()
    assert server.event_ids == [name for name in event_ids if name not in refused]
    assert len(server.records) == 196, "nothing was sent twice"
    counts = output.counts()
    assert (counts["delivered"], counts["refused"], counts["waiting"]) == (196, 4, 0)
    assert sum("records were refused" in line and "run-0" in line for line in messages) == 1
    server.stop()


def test_the_pause_that_a_receiver_asks_for_is_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    def note(output: QueuedOutput, outbox: Outbox, turn: Turn, delay_s: float) -> None:
        pauses.append(delay_s)

    monkeypatch.setattr(QueuedOutput, "_pause", note)
    server = LineServer()
    output = open_output(tmp_path, server.port, Refusing(server.port, ()), retry_max_s=40.0)
    put(output, 0, 1)
    output.close()
    assert pauses == [40.0]
    assert output.counts()["delivered"] == 1
    server.stop()


def test_a_full_outbox_drops_the_oldest_with_one_warning(
    tmp_path: Path, messages: list[str]
) -> None:
    port = free_port()
    output = open_output(tmp_path, port, max_mb=1.0, drain_s=0.0)
    put_large(output)
    dropped = output.counts()["dropped"]
    assert dropped > 0
    output.close()
    assert sum("the outbox is full" in line for line in messages) == 1
    server = LineServer(port)
    output = open_output(tmp_path, port)
    output.close()
    assert server.event_ids == [f"run-{number}" for number in range(dropped, 1500)]
    counts = output.counts()
    assert counts["waiting_at_start"] == counts["delivered"] == 1500 - dropped
    server.stop()


def test_a_full_outbox_with_stop_ends_the_run(tmp_path: Path) -> None:
    output = open_output(tmp_path, free_port(), max_mb=1.0, when_full="stop", drain_s=0.0)
    with pytest.raises(SinkError, match="is full"):
        put_large(output)
    output.close()


@pytest.mark.parametrize("value", [float("nan"), object()])
def test_the_error_names_a_record_that_is_not_json(tmp_path: Path, value: object) -> None:
    output = open_output(tmp_path, free_port())
    with pytest.raises(SinkError, match="record run-7 of frame None cannot be written"):
        output.put({"event_id": "run-7", "score": value})
    output.close()


def test_only_the_records_that_the_sender_wants_reach_the_outbox(tmp_path: Path) -> None:
    server = LineServer()
    sender = LineSender(LineOptions(kind="lines", port=server.port, only_fail=True))
    output = open_output(tmp_path, server.port, sender)
    for number, verdict in enumerate(("PASS", "FAIL", "ERROR", "FAIL")):
        output.put({"type": "verdict", "event_id": f"run-{number}", "verdict": verdict})
        output.put({"type": "measured", "event_id": f"size-{number}", "verdict": verdict})
    output.close()
    assert server.event_ids == ["run-1", "run-3"]
    assert output.counts()["appended"] == 2
    server.stop()
