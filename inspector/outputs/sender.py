"""The interface, the errors and the options of slow or remote outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Protocol

from inspector.core.errors import SinkError
from inspector.core.events import Event
from inspector.core.schema import AtLeast, Between, OneOf, Seconds
from inspector.outputs.outbox import DROP_OLDEST, STOP, QueuedRecord

LONGEST_END_S: Final = 8.0
"""Limit of drain_s + timeout_s. An aborted run waits 10 s for its outputs."""


RECORD_TYPES: Final = ("verdict", "measured", *(event.type for event in Event.__subclasses__()))
"""Types of the records that a run can send."""


class RefusedError(SinkError):
    """The receiver refuses a record for good, so a new try is useless. Of several records, at least
    one is refused."""


class BusyError(ConnectionError):
    """The receiver asks for a pause. retry_after_s: its length; the output limits it."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Sender(Protocol):
    """Delivers records to a receiver.

    The class has an attribute `Options`, a subclass of RemoteOptions. The constructor takes such
    options and the key of their section, such as outputs[0], for messages. It does not connect, and
    raises ConfigError for options that cannot be used.

    batch: largest number of records in one call of send().
    """

    batch: int

    def wants(self, record: Mapping[str, Any]) -> bool:
        """Whether this record is sent. Called on the output thread, so it must not wait."""
        ...

    def send(self, records: Sequence[QueuedRecord], timeout_s: float) -> None:
        """Connects if needed, sends the records and returns when the receiver has confirmed them.

        Called on a separate thread. No single wait may take longer than timeout_s. Raises OSError
        (SinkError is an OSError) if it fails. The same records are then sent again, so a receiver
        may get a record twice, with the same event_id. After RefusedError fewer of them are sent;
        a record that is refused alone is left out and counted.
        """
        ...

    def close(self) -> None:
        """Called once on the same thread after the last send(). An OSError is only logged."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueOptions:
    """The key `queue` of an entry in `outputs`.

    dir: the outbox is in dir/NAME, or in dir/SOURCE/NAME with a list of sources. max_mb: size limit
    in MB. when_full: "drop_oldest" drops the oldest records and warns, "stop" ends the run.
    timeout_s: a delivery fails after this time without an answer. retry_first_s, retry_max_s: delay
    before the next attempt; it doubles from the first value to the second. drain_s: time at the end
    of a run to deliver waiting records; the rest stays for the next run. drain_s + timeout_s is at
    most LONGEST_END_S.
    """

    dir: str = "artifacts/outbox"
    max_mb: Annotated[float, Between(1, 1_000_000)] = 256.0
    when_full: Annotated[str, OneOf(DROP_OLDEST, STOP)] = DROP_OLDEST
    timeout_s: Seconds = 5.0
    retry_first_s: Seconds = 0.5
    retry_max_s: Seconds = 30.0
    drain_s: Annotated[float, AtLeast(0)] = 3.0


@dataclass(frozen=True, kw_only=True)
class RemoteOptions:
    """The keys of every entry in `outputs`. A subclass adds the keys of its kind. It has no slots,
    because a class cannot inherit slots from two classes.

    kind: a key of the table OUTPUTS. name: name of the output in messages and of its folder; None:
    the kind. types: types of the records that are sent; empty: all.
    """

    kind: str
    name: str | None = None
    types: tuple[Annotated[str, OneOf(*RECORD_TYPES)], ...] = ()
    queue: QueueOptions = field(default_factory=QueueOptions)

    def includes(self, record: Mapping[str, Any]) -> bool:
        """Whether the record has one of the types."""
        return not self.types or record["type"] in self.types
