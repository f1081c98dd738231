"""Runs a session on a thread, as a line does."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from inspector.session import Session


@contextmanager
def draining(session: Session) -> Iterator[Session]:
    """Begins when the session captures, and stops it at the end of the block."""
    session.open()
    session.start()
    thread = threading.Thread(target=session.drain, daemon=True)
    thread.start()
    try:
        yield session
    finally:
        session.stop()
        thread.join(20)
        assert not thread.is_alive()
