"""Tests of secrets, sessions and the pause after failed logins. They need no web library."""

from typing import Any

import pytest
from loguru import logger

from inspector.core.errors import ConfigError
from inspector.core.loopback import is_loopback
from inspector.web.access import FREE_FAILURES, LONGEST_PAUSE_S, SESSION_S, Access, Pauses
from inspector.web.options import WebViewOptions, read_secrets


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"host": "0.0.0.0"}, "can be reached from other machines"),
        ({"host": "line3"}, "can be reached from other machines"),
        ({"host": "::"}, "can be reached from other machines"),
        ({"user": "anna"}, "belong together"),
        ({"password": "long-enough"}, "belong together"),
        ({"token": "short"}, "at least 8 characters"),
        ({"user": "anna", "password": "short"}, "at least 8 characters"),
        ({"token": "long-enough", "user": "a", "password": "long-enough"}, "not both"),
        ({"token": "${NO_SUCH_NAME_HERE}"}, "is not set"),
    ],
)
def test_options_that_are_not_safe_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refusal:
        read_secrets(WebViewOptions(**options))
    assert "long-enough" not in str(refusal.value)


def test_secrets_come_from_the_environment_and_open_other_addresses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DESK_TOKEN", "from-outside")
    options = read_secrets(WebViewOptions(host="0.0.0.0", token="${DESK_TOKEN}"))
    assert options.token == "from-outside"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *(("127.0.0.1", True), ("127.3.2.1", True), ("::1", True), ("localhost", True)),
        *(("0.0.0.0", False), ("::", False), ("10.0.0.1", False), ("localhost.example", False)),
    ],
)
def test_only_addresses_of_this_machine_are_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_a_session_begins_with_the_right_secret_and_ends() -> None:
    clock = Clock()
    access = Access(WebViewOptions(user="anna", password="right-one"), clock)
    assert access.log_in("anna", "wrong-one", "10.0.0.1") is None
    assert access.log_in("otto", "right-one", "10.0.0.1") is None
    session = access.log_in("anna", "right-one", "10.0.0.1")
    assert session is not None
    assert access.knows(session)
    assert not access.knows(session + "x")
    assert not access.knows("")
    clock.now_s += SESSION_S
    assert not access.knows(session)
    other = access.log_in("anna", "right-one", "10.0.0.1")
    assert other is not None
    access.log_out(other)
    assert not access.knows(other)


def test_nobody_logs_in_without_a_secret_in_the_configuration() -> None:
    assert Access(WebViewOptions()).log_in("", "", "10.0.0.1") is None


def test_the_number_of_sessions_is_limited() -> None:
    access = Access(WebViewOptions(token="right-one"))
    sessions = [access.log_in("", "right-one", "10.0.0.1") or "" for _ in range(300)]
    assert [access.knows(session) for session in sessions] == [False] * 44 + [True] * 256


def test_a_form_key_belongs_to_its_session_and_process() -> None:
    access = Access(WebViewOptions())
    key = access.form_key("s1")
    assert access.accepts_form_key("s1", key)
    assert not access.accepts_form_key("s2", key)
    assert not access.accepts_form_key("s1", "")
    assert not Access(WebViewOptions()).accepts_form_key("s1", key)


def test_failed_logins_cause_growing_pauses_for_their_address_only() -> None:
    clock = Clock()
    pauses = Pauses(clock)
    seconds = [pauses.count_failure("10.0.0.1") for _ in range(FREE_FAILURES + 8)]
    assert seconds == [0] * FREE_FAILURES + [1, 2, 4, 8, 16, 32, LONGEST_PAUSE_S, LONGEST_PAUSE_S]
    assert pauses.remaining_s("10.0.0.1") == LONGEST_PAUSE_S
    assert pauses.remaining_s("10.0.0.2") == 0
    clock.now_s += LONGEST_PAUSE_S
    assert pauses.remaining_s("10.0.0.1") == 0
    pauses.forget("10.0.0.1")
    assert pauses.count_failure("10.0.0.1") == 0


def test_addresses_of_one_ipv6_network_count_together() -> None:
    pauses = Pauses(Clock())
    for number in range(FREE_FAILURES + 1):
        pauses.count_failure(f"2001:db8::{number:x}")
    assert pauses.remaining_s("2001:db8::ffff") > 0
    assert pauses.remaining_s("2001:db8:0:1::1") == 0


def test_the_log_has_the_address_but_no_secret() -> None:
    lines: list[str] = []
    handler = logger.add(lines.append, format="{message}")
    access = Access(WebViewOptions(token="right-one"))
    access.log_in("", "a-wrong-secret", "10.0.0.1")
    access.accepts_token("a-wrong-token", "10.0.0.1")
    access.log_in("", "right-one", "10.0.0.1")
    logger.remove(handler)
    assert len(lines) == 3
    assert all("10.0.0.1" in line for line in lines)
    assert not any("secret" in line or "a-wrong" in line or "right-one" in line for line in lines)
