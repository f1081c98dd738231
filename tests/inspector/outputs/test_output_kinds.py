"""Tests of the list `outputs` of the configuration, also in a real pipeline."""

import importlib
from pathlib import Path
from typing import Any

import pytest
from line_outputs import ENTRY, LineServer
from output_parts import run_info
from pipeline_rig import ListSink, ListSource, RigEngine, bad, frame, make_pipeline, run

from inspector.core.errors import ConfigError, SinkError
from inspector.core.events import DefectClosed
from inspector.core.records import event_id
from inspector.core.types import Inspection
from inspector.outputs import queued, sender
from inspector.outputs.kinds import OUTPUTS, make_outputs
from inspector.outputs.outbox import Outbox
from inspector.outputs.sender import RemoteOptions
from inspector.pipeline import runner
from inspector.pipeline.stages import Output


@pytest.fixture(autouse=True)
def _lines_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in list(OUTPUTS):
        monkeypatch.delitem(OUTPUTS, kind)
    monkeypatch.setitem(OUTPUTS, "lines", ENTRY)


def entry(folder: Path, port: int, **changes: Any) -> dict[str, Any]:
    quick = {"timeout_s": 2, "drain_s": 6, "retry_first_s": 0.02, "retry_max_s": 0.05}
    return {"kind": "lines", "port": port, "queue": {"dir": str(folder)} | quick | changes}


def expected_ids(server: LineServer, frames: int) -> list[str]:
    """A verdict and a measured record for each frame; the header, number 0, is not sent."""
    run_id, source, _ = server.event_ids[0].rsplit("/", 2)
    return [event_id(run_id, source, seq) for seq in range(1, 2 * frames + 1)]


@pytest.mark.parametrize("place", [*OUTPUTS.values(), ENTRY])
def test_every_kind_of_the_table_has_options_with_the_common_keys(place: str) -> None:
    module, _, name = place.partition(":")
    sender_class = getattr(importlib.import_module(module), name)
    assert issubclass(sender_class.Options, RemoteOptions)


def test_each_output_and_each_source_has_a_separate_outbox(tmp_path: Path) -> None:
    server = LineServer()
    entries = [entry(tmp_path, server.port), entry(tmp_path, server.port) | {"name": "hall-2"}]
    first, second = make_outputs(entries)
    assert (first.name, second.name) == ("lines", "hall-2")
    (third,) = make_outputs(entries[:1], source="left")
    for output in (first, second, third):
        output.open(run_info())
    for output in (first, second, third):
        output.close()
    outboxes = [path.parent.relative_to(tmp_path) for path in tmp_path.rglob("records.sqlite")]
    assert sorted(map(str, outboxes)) == ["hall-2", "left/lines", "lines"]
    server.stop()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"kind": "fax"},
            r"outputs\[0\]\.kind must be one of lines, not 'fax'",
        ),
        ({"kind": None}, r"outputs\[0\]\.kind must be one of lines"),
        ({"prot": 1}, r"unknown key outputs\[0\]\.prot; known keys here: kind, name, only_fail"),
        ({"port": 0}, r"outputs\[0\]\.port must lie between 1 and 65535, not 0"),
        ({"name": "../up"}, r"outputs\[0\]\.name must be 1 to 64 letters"),
        ({"queue": {"when_full": "wait"}}, r"queue\.when_full must be one of drop_oldest, stop"),
        ({"queue": {"max_mb": 0}}, r"outputs\[0\]\.queue\.max_mb must lie between 1"),
        ({"queue": {"retry_first_s": 60}}, r"retry_first_s must be at most retry_max_s, 30, not"),
        (
            {"queue": {"drain_s": 3.5}},
            r"outputs\[0\]\.queue: drain_s \+ timeout_s must be at most 8 s.*, not 3\.5 \+ 5",
        ),
    ],
)
def test_a_bad_entry_is_refused_in_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        make_outputs([{"kind": "lines", "port": 9} | changes])


def test_a_missing_key_and_a_name_used_twice_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"missing key outputs\[0\]\.port"):
        make_outputs([{"kind": "lines"}])
    with pytest.raises(ConfigError, match=r"outputs\[1\]\.name: two outputs have the name lines"):
        make_outputs([{"kind": "lines", "port": 9}] * 2)


def test_inspection_does_not_wait_for_a_slow_output_and_nothing_is_lost(tmp_path: Path) -> None:
    """The receiver confirms nothing before the pipeline has reported its last frame. It disconnects
    once, and still gets every record once and in order."""
    frames = [bad(i) if i % 7 == 3 else frame(i) for i in range(60)]
    server = LineServer(break_after=(10, 40))
    server.answering.clear()
    (output,) = make_outputs([entry(tmp_path, server.port)])
    log = ListSink()
    counts_at_the_end: list[dict[str, int]] = []

    def let_it_answer(inspection: Inspection, picture: object) -> None:
        if inspection.frame_id == 59:
            counts_at_the_end.append(output.counts())
            server.answering.set()

    pipeline = make_pipeline(
        ListSource(frames),
        [Output(log), Output(output)],
        RigEngine(lambda number: float(number % 2)),
        observers=(let_it_answer,),
    )
    run(pipeline)
    (counts,) = counts_at_the_end
    assert (counts["appended"], counts["delivered"], counts["waiting"]) == (120, 0, 120)
    assert log.frame_ids == list(range(60))
    assert server.event_ids == expected_ids(server, 60)
    assert {record["verdict"] for record in server.records} == {"PASS", "FAIL", "ERROR"}
    server.stop()


def test_a_run_ends_normally_without_a_receiver(tmp_path: Path) -> None:
    server = LineServer()
    server.stop()
    (output,) = make_outputs([entry(tmp_path, server.port, drain_s=0)])
    pipeline = make_pipeline(ListSource([frame(i) for i in range(5)]), [Output(output)])
    run(pipeline)
    assert pipeline.stats.balanced
    back = LineServer(server.port)
    (output,) = make_outputs([entry(tmp_path, server.port)])
    run(make_pipeline(ListSource([]), [Output(output)]))
    assert back.event_ids == expected_ids(back, 5)
    back.stop()


def test_outputs_that_hang_end_together_when_a_run_is_aborted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each output needs at least 0.6 s and at most 1.2 s, and a second if the machine is busy."""
    monkeypatch.setattr(runner, "GRACE_S", 3.0)
    servers = [LineServer() for _ in range(6)]
    entries = []
    for number, server in enumerate(servers):
        server.answering.clear()
        hanging = entry(tmp_path, server.port, timeout_s=0.6, drain_s=0.6)
        entries.append(hanging | {"name": f"hall-{number}"})
    outputs = make_outputs(entries)
    pipeline = make_pipeline(ListSource([frame(0)], endless=True), [*map(Output, outputs)])
    pipeline.start()
    assert all(server.wait_for(1) for server in servers)
    pipeline.abort()
    pipeline.finish()
    for output in outputs:
        assert output.counts()["waiting"] == 2
        Outbox(tmp_path / output.name, max_bytes=10**6, when_full="stop").close()
    for server in servers:
        server.stop()


def test_the_longest_end_of_an_output_is_shorter_than_that_of_a_run() -> None:
    assert sender.LONGEST_END_S + queued.GRACE_S < runner.GRACE_S
    options = sender.QueueOptions()
    assert options.drain_s + options.timeout_s <= sender.LONGEST_END_S


def test_a_full_outbox_with_stop_ends_the_run(tmp_path: Path) -> None:
    server = LineServer()
    server.stop()
    limits = {"drain_s": 0, "max_mb": 1, "when_full": "stop"}
    (output,) = make_outputs([entry(tmp_path, server.port, **limits)])
    pipeline = make_pipeline(ListSource([frame(i) for i in range(4000)]), [Output(output)])
    pipeline.start()
    with pytest.raises(SinkError, match="is full"):
        pipeline.finish()


def test_events_are_sent_too(tmp_path: Path) -> None:
    server = LineServer()
    (output,) = make_outputs([entry(tmp_path, server.port)])
    output.open(run_info())
    output.write_event(
        DefectClosed(
            wall_time_utc="2026-01-31T12:00:00.000Z",
            seq=7,
            track_id="3",
            first_frame_id=1,
            last_frame_id=4,
            best_frame_id=2,
            sightings=3,
        )
    )
    output.close()
    (record,) = server.records
    assert (record["type"], record["seq"], record["track_id"]) == ("defect_closed", 7, "3")
    server.stop()
