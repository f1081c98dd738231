"""Tests of what people write into the store: audit trail, alarms, feedback, and requests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from answering import answer_requests
from store_runs import LogOfRun, follow, frame, frames, open_store, rows

from inspector.core.errors import ConfigError, SinkError
from inspector.core.types import Verdict
from inspector.store import requests
from inspector.store.alarms import acknowledge_alarm, find_alarms, is_release_locked, raise_alarm
from inspector.store.audit import add_change, find_changes
from inspector.store.database import Store
from inspector.store.feedback import add_feedback, find_answered, find_feedback
from inspector.store.filters import HistoryFilter
from inspector.store.history import find_inspections
from inspector.store.requests import (
    add_request,
    answer_request,
    expire_requests,
    find_answer,
    take_requests,
    wait_for_answer,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.sqlite") as store:
        yield store


def test_a_change_has_old_and_new_value_and_a_reason(store: Store) -> None:
    add_change(store, who="m.weber", what="recipe", old=None, new="lid", why="next order")
    number = add_change(store, who="m.weber", what="limits", old={"a": [1]}, new={"a": [2.5]})
    newest, oldest = find_changes(store)
    assert (newest.number, newest.old, newest.new, newest.why) == (
        number,
        {"a": [1]},
        {"a": [2.5]},
        None,
    )
    assert (oldest.who, oldest.what, oldest.new, oldest.why) == (
        "m.weber",
        "recipe",
        "lid",
        "next order",
    )
    assert find_changes(store, before=number, limit=5) == [oldest]


@pytest.mark.parametrize("query", ["UPDATE audit SET who = 'x'", "DELETE FROM audit"])
def test_the_audit_trail_cannot_be_changed(store: Store, query: str) -> None:
    add_change(store, who="m.weber", what="recipe", new="lid")
    with pytest.raises(SinkError, match="audit trail cannot be changed"), store.transaction() as db:
        db.execute(query)
    assert len(find_changes(store)) == 1


def test_an_alarm_stays_open_until_it_is_acknowledged_by_name(store: Store) -> None:
    number = raise_alarm(store, kind="disk", text="80 MB free")
    again = raise_alarm(store, kind="disk", text="70 MB free")
    other = raise_alarm(store, kind="check", text="missed", source="left", locks_release=True)
    assert again == number != other
    assert is_release_locked(store)
    with pytest.raises(ConfigError, match="by name"):
        acknowledge_alarm(store, other, who=" ")
    acknowledge_alarm(store, other, who="m.weber", note="lamp changed")
    assert not is_release_locked(store)
    with pytest.raises(ConfigError, match=r"m\.weber has done it already"):
        acknowledge_alarm(store, other, who="x")
    with pytest.raises(ConfigError, match="no such alarm"):
        acknowledge_alarm(store, 99, who="x")
    (alarm,) = find_alarms(store)
    assert (alarm.kind, alarm.text, alarm.count, alarm.source) == ("disk", "70 MB free", 2, None)
    done = find_alarms(store, open_only=False)[0]
    assert (done.who, done.note, done.acknowledged_utc is None) == (
        "m.weber",
        "lamp changed",
        False,
    )
    assert raise_alarm(store, kind="check", text="missed again", source="left") > other


def test_feedback_is_about_a_frame_and_the_last_answer_counts(store: Store, tmp_path: Path) -> None:
    LogOfRun(tmp_path / "a").add(*frames(2), frame(2, Verdict.FAIL)).finish()
    follow(store, tmp_path / "a")
    place = {"run_id": "r1", "source": "main", "who": "m.weber"}
    add_feedback(store, frame_id=2, answer="missed", **place)
    add_feedback(store, frame_id=2, answer="fine", note="dust", **place)
    add_feedback(store, frame_id=0, answer="missed", **place)
    assert [(f.frame_id, f.answer) for f in find_feedback(store)] == [(0, "missed"), (2, "fine")]
    assert len(find_feedback(store, latest_only=False)) == 3
    assert [f.note for f in find_feedback(store, answer="fine")] == ["dust"]
    by_feedback = find_inspections(store, HistoryFilter(feedback="fine"))
    assert [(row.frame_id, row.feedback) for row in by_feedback] == [(2, "fine")]
    add_feedback(store, frame_id=0, answer="withdrawn", **place)
    assert [f.frame_id for f in find_feedback(store)] == [2]
    assert find_answered(store) == {(place["run_id"], place["source"]): {2}}
    assert len(find_inspections(store, HistoryFilter(feedback="any"))) == 1
    for wrong, text in (
        ({"answer": "maybe"}, "an answer is fine, missed"),
        ({"frame_id": 7}, "no frame 7"),
        ({"who": ""}, "name"),
    ):
        with pytest.raises(ConfigError, match=text):
            add_feedback(store, **{"frame_id": 0, "answer": "fine", **place, **wrong})


def test_a_request_is_taken_once_and_answered(store: Store) -> None:
    number = add_request(store, "recipe", {"name": "lid"}, who="m.weber", why="order 7")
    add_request(store, "stop", {}, who="m.weber")
    first, second = take_requests(store)
    assert (first.number, first.kind, first.arguments) == (number, "recipe", {"name": "lid"})
    assert (first.who, first.why, second.kind) == ("m.weber", "order 7", "stop")
    assert take_requests(store) == []
    assert find_answer(store, number) is None
    answer_request(store, number, done=False, text="there is no recipe lid")
    answer = wait_for_answer(store, number, 0.0)
    assert (answer.done, answer.state, answer.text) == (False, "refused", "there is no recipe lid")
    with pytest.raises(ConfigError, match="no request 99"):
        find_answer(store, 99)


def test_an_answer_wakes_a_waiting_program(store: Store) -> None:
    number = add_request(store, "stop", {}, who="m.weber")
    with answer_requests(store, lambda _: (True, "stopped")):
        answered = wait_for_answer(store, number, 30.0)
    assert (answered.done, answered.text) == (True, "stopped")


def test_a_request_that_nobody_took_expires_and_is_not_done_later(store: Store) -> None:
    number = add_request(store, "stop", {}, who="m.weber")
    answer = wait_for_answer(store, number, 0.0)
    assert (answer.done, answer.state) == (False, "expired")
    assert take_requests(store) == []
    taken = add_request(store, "start", {}, who="m.weber")
    take_requests(store)
    assert wait_for_answer(store, taken, 0.0).state == "taken"


@pytest.mark.parametrize("age_s", [61, -7200])
def test_old_requests_expire_when_a_line_starts(store: Store, age_s: int) -> None:
    """A request from the future was made before the clock was set back."""
    old = add_request(store, "recipe", {}, who="a")
    with store.transaction() as db:
        db.execute("UPDATE requests SET time_ms = time_ms - ?", (1000 * age_s,))
    new = add_request(store, "stop", {}, who="a")
    assert expire_requests(store) == 1
    assert [request.number for request in take_requests(store)] == [new]
    assert find_answer(store, old).state == "expired"  # type: ignore[union-attr]
    assert expire_requests(store) == 1
    assert "ended before" in find_answer(store, new).text  # type: ignore[union-attr]
    assert rows(store, "SELECT COUNT(*) FROM requests") == [(2,)]


def test_old_answered_requests_are_deleted_and_waiting_ones_are_not(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "_NEWEST", 10)
    monkeypatch.setattr(requests, "_NEWEST_STATUS", 3)
    waiting = add_request(store, "recipe", {}, who="x")
    for kind in ("reload", *["status"] * 6):
        answer_request(store, add_request(store, kind, {}, who="x"), done=True, text="yes")
    kinds = "SELECT kind FROM requests ORDER BY number"
    assert rows(store, kinds) == [("recipe",), ("reload",), *[("status",)] * 3]
    for _ in range(10):
        last = add_request(store, "status", {}, who="x")
        answer_request(store, last, done=True, text="yes")
    assert rows(store, kinds) == [("recipe",), *[("status",)] * 3]
    assert find_answer(store, waiting) is None
    assert find_answer(store, last) is not None
