from itertools import islice
from threading import Event

import pytest

from inspector.core.errors import ConfigError
from inspector.sources.live import LiveReader
from inspector.sources.reconnect import Backoff


def test_delays_double_up_to_the_longest():
    backoff = Backoff(first_s=0.5, max_s=30, give_up_s=None)
    assert list(islice(backoff.delays(), 9)) == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


@pytest.mark.parametrize(("first_s", "max_s"), [(0, 1), (-1, 1), (2, 1)])
def test_delays_that_do_not_rise_are_refused(first_s, max_s):
    with pytest.raises(ConfigError, match="first_s"):
        Backoff(first_s=first_s, max_s=max_s, give_up_s=None)


def test_a_reading_thread_that_dies_is_an_error(monkeypatch):
    class BrokenCamera:
        def grab(self):
            raise KeyError("unforeseen")

        def close(self) -> None:
            pass

    monkeypatch.setattr("threading.excepthook", lambda _: None)
    backoff = Backoff(first_s=0.01, max_s=0.01, give_up_s=None)
    reader = LiveReader("camera 9", lambda _: BrokenCamera(), BrokenCamera(), backoff, Event())
    with pytest.raises(RuntimeError, match="camera 9 died"):
        reader.read()
    reader.close()
    assert reader.read() is None
