"""Tests triggers by HTTP: their answers, and who may send them."""

from typing import Any

import pytest
from desk import FakeLine, Site

from inspector.machine.controls import TriggerMessage

TOKEN = {"authorization": "Bearer a-secret-token"}


def post(site: Site, body: Any, **headers: str) -> Any:
    return site.client.post("/api/trigger", json=body, headers={**TOKEN, **headers})


def test_a_program_announces_a_part(token_site: Site, line: FakeLine) -> None:
    body = {"part_id": "A", "serial": "S1", "lot": 7, "shift": "early", "operator": "Anna"}
    answer = post(token_site, body)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "accepted")
    again = post(token_site, body)  # such as after a time-out
    assert (again.status_code, again.json()["outcome"]) == (200, "repeated")
    (message,) = line.taken
    expected = TriggerMessage("A", "S1", "7", "early", "Anna")
    assert message == TriggerMessage(
        *(getattr(expected, n) for n in ("part_id", "serial", "lot", "shift", "operator")),
        message.time_s,
    )
    assert message.time_s is not None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"part_id": "a\nb"}, 400),
        ({"part_id": "x" * 300}, 400),
        ({"part_id": ["A"]}, 400),
        ([], 400),
    ],
)
def test_an_unusable_message_is_refused(
    token_site: Site, line: FakeLine, body: Any, status: int
) -> None:
    assert post(token_site, body).status_code == status
    assert line.taken == []


def test_a_line_that_does_not_run_says_so(token_site: Site, line: FakeLine) -> None:
    line.takes_triggers = False
    answer = post(token_site, {"part_id": "A"})
    assert answer.status_code == 409
    assert answer.json()["text"] == "no run takes triggers now"


def test_nobody_triggers_without_the_token_or_from_another_site(
    token_site: Site, line: FakeLine
) -> None:
    client = token_site.client
    assert client.post("/api/trigger", json={}).status_code == 401
    wrong = {"authorization": "Bearer wrong-token"}
    assert client.post("/api/trigger", json={}, headers=wrong).status_code == 401
    assert post(token_site, {}, origin="http://evil.example").status_code == 403
    assert post(token_site, {}, **{"sec-fetch-site": "cross-site"}).status_code == 403
    assert line.taken == []


def test_without_a_login_the_key_of_a_page_is_needed(site: Site, line: FakeLine) -> None:
    assert site.client.post("/api/trigger", json={"part_id": "A"}).status_code == 400
    key = site.client.get("/api/session").json()["form_key"]
    headers = {"x-form-key": key}
    answer = site.client.post("/api/trigger", json={"part_id": "A"}, headers=headers)
    assert answer.status_code == 200
    assert [message.part_id for message in line.taken] == ["A"]
