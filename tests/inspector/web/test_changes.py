"""Tests of logins, changes and feedback, and of requests that must be refused."""

from typing import Any

import pytest
from answering import answer_requests
from desk import FakeLine, Site, line_state

from inspector.store.database import Store
from inspector.store.feedback import find_feedback
from inspector.web import changes
from inspector.web.options import WebViewOptions

NEW = {"image_threshold": "1.25", "pixel_threshold": ""}
THRESHOLDS = {"kind": "thresholds", "source": "main", "who": "anna", "why": "scratch", **NEW}
FEEDBACK = {"run_id": "r1", "source": "main", "frame_id": "7", "who": "anna", "answer": "fine"}


@pytest.mark.parametrize(
    ("fields", "arguments"),
    [
        ({"kind": "start"}, {}),
        ({"kind": "stop"}, {}),
        ({"kind": "recipe", "name": "can"}, {"name": "can"}),
        ({"kind": "recipe", "name": "can", "source": ""}, {"name": "can"}),
        ({"kind": "recipe", "name": "can", "source": "left"}, {"name": "can", "source": "left"}),
        (THRESHOLDS, {"source": "main", "image_threshold": 1.25}),
        (
            {**THRESHOLDS, "expected_recipe": "", "expected_image_threshold": "1.5"},
            {
                "source": "main",
                "image_threshold": 1.25,
                "expected": {"recipe": None, "image_threshold": 1.5},
            },
        ),
        ({"kind": "acknowledge", "alarm": "3"}, {"alarm": 3}),
    ],
)
def test_a_form_becomes_a_request_and_its_answer_is_shown(
    store: Store, line: FakeLine, fields: dict[str, str], arguments: dict[str, Any]
) -> None:
    site = Site(WebViewOptions(port=0), store, line)
    with answer_requests(store, lambda _: (True, "It is <done>.")) as requests:
        answer = site.send(
            "/api/requests", {"who": "anna", "why": "new lot", "back": "/", **fields}
        )
    assert answer.status_code == 303
    (request,) = requests
    assert (request.kind, request.arguments, request.who) == (fields["kind"], arguments, "anna")
    assert request.why == fields.get("why", "new lot")
    assert "It is <done>." in site.page(answer.headers["location"]).text


def test_a_program_gets_the_answer_as_json(store: Store, line: FakeLine) -> None:
    site = Site(WebViewOptions(port=0, token="a-secret-token"), store, line)
    headers = {"authorization": "Bearer a-secret-token"}
    body = {"kind": "recipe", "arguments": {"name": "can"}, "who": "plc", "why": "order 7"}
    with answer_requests(store, lambda _: (False, "recipe can is missing")):
        answer = site.client.post("/api/requests", json=body, headers=headers)
    assert answer.status_code == 409
    assert answer.json()["text"] == "recipe can is missing"
    assert answer.json()["state"] == "refused"


def test_a_request_that_no_line_takes_expires(
    store: Store, line: FakeLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "ANSWER_S", 0.05)
    site = Site(WebViewOptions(port=0), store, line)
    answer = site.send("/api/requests", {"kind": "stop", "who": "anna", "back": "//evil.example"})
    assert answer.headers["location"] == "/?request=1"
    assert "no line took the request" in site.page("/?request=1").text


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "start"},
        {"kind": "start", "who": " "},
        {"kind": "explode", "who": "anna"},
        {"who": "anna"},
        {"kind": "recipe", "who": "anna"},
        {"kind": "recipe", "who": "anna", "name": "a\nb"},
        {"kind": "acknowledge", "who": "anna", "alarm": "x"},
        {"kind": "acknowledge", "who": "anna", "alarm": "9" * 40},
        {**THRESHOLDS, "image_threshold": "nan"},
        {**THRESHOLDS, "image_threshold": "-1"},
        {**THRESHOLDS, "image_threshold": ""},
        {**THRESHOLDS, "source": ""},
        {**THRESHOLDS, "who": "x" * 81},
        {**THRESHOLDS, "why": "x" * 501},
    ],
)
def test_incomplete_and_wrong_requests_are_refused(site: Site, fields: dict[str, str]) -> None:
    answer = site.send("/api/requests", fields)
    assert answer.status_code == 400, answer.text


def test_feedback_is_stored_with_its_name(store: Store, line: FakeLine) -> None:
    site = Site(WebViewOptions(port=0), store, line)
    answer = site.send("/api/feedback", {**FEEDBACK, "note": "dust", "back": "/frame/r1/main/7"})
    assert answer.headers["location"] == "/frame/r1/main/7#feedback"
    (entry,) = find_feedback(store)
    assert (entry.frame_id, entry.answer, entry.who, entry.note) == (7, "fine", "anna", "dust")
    assert "dust" in site.page("/frame/r1/main/7").text
    assert "1 frames" in site.page("/history?feedback=fine").text
    site.send("/api/feedback", {**FEEDBACK, "answer": "withdrawn"})
    assert find_feedback(store) == []


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"answer": "maybe"}, 400),
        ({"frame_id": "x"}, 400),
        ({"who": ""}, 400),
        ({"frame_id": "999"}, 409),
    ],
)
def test_wrong_feedback_is_refused(site: Site, changes: dict[str, str], status: int) -> None:
    assert site.send("/api/feedback", FEEDBACK | changes).status_code == status


def test_a_locked_line_refuses_and_disables(filled_store: Store) -> None:
    site = Site(WebViewOptions(port=0), filled_store, FakeLine(line_state(mode="locked")))
    for path, fields in (("/api/requests", THRESHOLDS), ("/api/feedback", FEEDBACK)):
        answer = site.send(path, fields)
        assert answer.status_code == 403
        assert "locked" in answer.text
    for kind in ("refit", "accept_engine", "undo_engine"):
        more = {"candidate": "c", "engine": "e"}
        answer = site.send("/api/requests", {"kind": kind, "who": "anna", **more})
        assert answer.status_code == 403
    frame = site.page("/frame/r1/main/7")
    buttons = frame.every("button")
    assert buttons
    assert all("disabled" in button for button in buttons)
    thresholds = site.page("/thresholds?image_threshold=1")
    buttons = thresholds.every("button")
    assert buttons
    assert all("disabled" in button for button in buttons)
    assert find_feedback(filled_store) == []


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:9999"},
        {"origin": "http://["},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_pages_of_other_sites_change_nothing(site: Site, headers: dict[str, str]) -> None:
    fields = {"form_key": site.form_key(), **FEEDBACK}
    assert site.client.post("/api/feedback", data=fields, headers=headers).status_code == 403


def test_pages_of_other_sites_can_link_but_show_nothing(site: Site) -> None:
    def status(mode: str, path: str = "/api/state", where: str = "cross-site") -> int:
        headers = {"sec-fetch-site": where, "sec-fetch-mode": mode}
        return site.client.get(path, headers=headers).status_code

    assert status("no-cors") == status("cors") == status("no-cors", where="same-site") == 403
    assert status("no-cors", "/picture/r1/main/7/snapshot") == 403
    assert status("navigate", "/") == status("cors", where="same-origin") == 200


@pytest.mark.parametrize("key", [None, "", "0" * 64])
def test_a_change_needs_the_key_of_the_page(site: Site, key: str | None) -> None:
    fields = FEEDBACK if key is None else {**FEEDBACK, "form_key": key}
    for path in ("/api/feedback", "/api/requests", "/logout"):
        assert site.client.post(path, data=fields).status_code == 400
        assert site.client.post(path, json=fields).status_code == 400


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/api/requests", "/api/feedback", "/logout"])
def test_reading_changes_nothing(site: Site, method: str, path: str) -> None:
    assert site.client.request(method, path).status_code == 405


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(site: Site, method: str) -> None:
    assert site.client.request(method, "/").status_code == 405


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8080", 200),
        ("127.0.0.1:80", 200),
        ("[::1]:80", 200),
        ("10.0.0.7", 200),
        ("line3.factory.example", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("line3.factory.example@evil.example", 421),
        ("", 421),
        ("[", 421),
    ],
)
def test_names_of_other_machines_are_refused(
    filled_store: Store, line: FakeLine, host: str, status: int
) -> None:
    options = WebViewOptions(port=0, hosts=("line3.factory.example",))
    site = Site(options, filled_store, line)
    assert site.client.get("/", headers={"host": host}).status_code == status


def test_large_bodies_are_refused(site: Site) -> None:
    body = {"form_key": site.form_key(), "note": "x" * 100_000}
    assert site.client.post("/api/feedback", data=body).status_code == 413


def test_every_answer_has_the_headers_that_protect_it(site: Site) -> None:
    for path in ("/", "/api/state", "/nothing", "/static/desk.js", "/history?before=x"):
        headers = site.client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "access-control-allow-origin" not in headers
    assert site.client.get("/").headers["cache-control"] == "no-store"


def test_without_a_login_only_the_login_page_opens(token_site: Site) -> None:
    for path in ("/", "/history", "/frame/r1/main/7"):
        answer = token_site.client.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login?next=%2F")
    for path in ("/api/state", "/api/inspections", "/api/session"):
        assert token_site.client.get(path).status_code == 401
    assert token_site.client.get("/picture/r1/main/7/snapshot").status_code == 303
    assert token_site.client.get("/live/main").status_code == 303
    assert token_site.client.post("/api/requests", data=THRESHOLDS).status_code == 401
    assert token_site.page("/login").every("input")[-1]["type"] == "password"


def _login(site: Site, secret: str, **fields: str) -> Any:
    page = site.page("/login")
    key = next(field["value"] for field in page.every("input") if field["name"] == "form_key")
    return site.client.post("/login", data={"form_key": key, "secret": secret, **fields})


def test_a_login_sets_a_cookie_for_this_site_only(token_site: Site) -> None:
    answer = _login(token_site, "a-secret-token", next="/history")
    assert (answer.status_code, answer.headers["location"]) == (303, "/history")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "a-secret-token" not in cookie
    token_site.page("/history")
    answer = token_site.send("/logout", {})
    assert answer.headers["location"] == "/login"
    assert token_site.client.get("/history").status_code == 303


def test_a_user_and_a_password_are_both_needed(filled_store: Store, line: FakeLine) -> None:
    site = Site(WebViewOptions(port=0, user="anna", password="a-password"), filled_store, line)
    assert _login(site, "a-password", user="otto").status_code == 401
    assert _login(site, "other-password", user="anna").status_code == 401
    assert _login(site, "a-password", user="anna").status_code == 303
    # The account can belong to several people, so it is nobody's name.
    assert "anna" not in [field.get("value") for field in site.page("/").every("input")]


def test_many_wrong_logins_have_to_wait(token_site: Site) -> None:
    statuses = [_login(token_site, "wrong-token").status_code for _ in range(4)]
    assert statuses == [401] * 4
    answer = _login(token_site, "a-secret-token")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"
    assert "Too many failed logins. Try again in 1 s." in answer.text
    assert answer.headers["content-type"].startswith("text/html")
    headers = {"authorization": "Bearer a-secret-token"}
    assert token_site.client.get("/api/state", headers=headers).status_code == 429


def test_a_program_sends_its_token_in_a_header(token_site: Site) -> None:
    def status(value: str, path: str = "/api/state") -> int:
        return token_site.client.get(path, headers={"authorization": value}).status_code

    assert status("Bearer a-secret-token") == 200
    assert status("bearer a-secret-token") == 200
    assert status("Bearer wrong") == 401
    assert status("Basic YTpi") == 401
    assert status("", "/api/state?token=a-secret-token") == 401


def test_a_login_leads_to_no_other_site(token_site: Site) -> None:
    answer = _login(token_site, "a-secret-token", next="//evil.example/")
    assert answer.headers["location"] == "/"
