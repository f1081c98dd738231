"""Error codes for machines, the same for every kind of state output."""

from enum import IntEnum


class ErrorCode(IntEnum):
    """Why a state is not PASS. 0 for PASS and FAIL. docs/machine.md explains each code.

    A code has the name of its cause. Numbers never change their meaning.
    """

    NONE = 0
    DECODE = 1
    STALE = 2
    SIZE = 3
    NOT_FINITE = 4
    HEALTH = 5
    NO_PRODUCT = 6
    DROPPED = 11
    NOT_SEEN = 12
    INCOMPLETE = 13
    MISSING_SOURCE = 14
    CODE = 15
    EXPIRED = 21
    LATE = 22
    WAITING = 23
    NOT_READY = 24
    CHECK = 25
    DISCONNECTED = 26
    DOUBLE_TRIGGER = 31
    NOT_ACKNOWLEDGED = 32
    TRIGGER_NOT_READY = 33
    DOUBLE_RESULT = 34
    TRIGGER_REFUSED = 35
    OTHER = 99

    @property
    def cause(self) -> str:
        """The code as a word, such as not_ready."""
        return self.name.lower()


def code_of(cause: str | None) -> ErrorCode:
    """The code of a cause; NONE for None, OTHER for a cause without a code."""
    if cause is None:
        return ErrorCode.NONE
    return ErrorCode.__members__.get(cause.upper(), ErrorCode.OTHER)
