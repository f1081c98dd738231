"""Tests of questions to a server that answers late or not completely."""

import json
from collections.abc import Iterator

import pytest
from chat_server import GOOD, ChatServer

from inspector.outputs.chat_client import ChatClient

LIMIT_S = 0.3


@pytest.fixture
def server() -> Iterator[ChatServer]:
    server = ChatServer()
    yield server
    server.stop()


@pytest.mark.parametrize("mode", ["stalls", "trickles"])
def test_an_answer_that_takes_too_long_is_given_up(server: ChatServer, mode: str) -> None:
    setattr(server, mode, True)
    with pytest.raises(TimeoutError, match=r"no complete answer within 0\.3 s"):
        ChatClient(server.url, None, LIMIT_S).ask({"model": "m"})
    setattr(server, mode, False)
    assert json.loads(ChatClient(server.url, None, 5.0).ask({})) == GOOD


def test_a_body_that_is_shorter_than_announced_is_asked_for_again(server: ChatServer) -> None:
    server.length = 100_000
    with pytest.raises(OSError, match="the answer ends early"):
        ChatClient(server.url, None, LIMIT_S).ask({})
