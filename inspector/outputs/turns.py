"""Lets the sessions of this process use an outbox one after the other, in the order they came."""

import threading
from pathlib import Path
from typing import Final

_changed: Final = threading.Condition()
_turns: Final[dict[Path, list["Turn"]]] = {}
"""Folder of an outbox -> those who use it: the first one now, the others later."""


class Turn:
    """The place of one session in the line for the outbox in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        with _changed:
            _turns.setdefault(self._folder, []).append(self)

    @property
    def is_now(self) -> bool:
        """Whether this session may use the outbox."""
        with _changed:
            return self._place == 0

    @property
    def is_awaited(self) -> bool:
        """Whether a later session waits for this one."""
        with _changed:
            return self._place + 1 < len(_turns.get(self._folder, ()))

    def wait(self, timeout_s: float) -> bool:
        """Returns is_now, as soon as it is true or after the time."""
        with _changed:
            return _changed.wait_for(lambda: self._place == 0, timeout_s)

    def leave(self) -> None:
        """Lets the next session use the outbox. May be called twice."""
        with _changed:
            users = _turns.get(self._folder, [])
            if self in users:
                users.remove(self)
            if not users:
                _turns.pop(self._folder, None)
            _changed.notify_all()

    @property
    def _place(self) -> int:
        return _turns[self._folder].index(self)
