"""What a kind of slow or remote output implements, and the options that all kinds share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

from inspector.core.schema import AtLeast, Between, OneOf
from inspector.outputs.outbox import DROP_OLDEST, STOP, Record

Positive = Annotated[float, AtLeast(0, exclusive=True)]


class Sender(Protocol):
    """Delivers records to a receiver.

    A class with a class attribute `Options`, a subclass of RemoteOptions. The constructor takes
    such options and does not connect yet.
    """

    def wants(self, record: Mapping[str, Any]) -> bool:
        """Whether this record is sent at all. Called on the output thread, so it must not wait."""
        ...

    def send(self, records: Sequence[Record], timeout_s: float) -> None:
        """Returns when the receiver has confirmed all records. Connects where it has to.

        Called on a thread of its own. Raises OSError (SinkError is an OSError) where it fails; the
        same records are then sent again, so a receiver may see a record twice, with the same
        event_id. No single wait may take longer than timeout_s.
        """
        ...

    def close(self) -> None:
        """Called once on the same thread after the last send()."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueOptions:
    """The key `queue` of an entry in `outputs`.

    dir: the outbox lies in dir/NAME. max_mb: MB of waiting records. when_full: drop_oldest counts
    and warns, stop ends the run. timeout_s: s without an answer until a delivery has failed.
    retry_first_s, retry_max_s: s until the next try; the wait doubles from the first to the last.
    drain_s: s at the end of a run to deliver what waits; the rest stays for the next run.
    """

    dir: str = "artifacts/outbox"
    max_mb: Annotated[float, Between(1, 1_000_000)] = 256.0
    when_full: Annotated[str, OneOf(DROP_OLDEST, STOP)] = DROP_OLDEST
    timeout_s: Positive = 5.0
    retry_first_s: Positive = 0.5
    retry_max_s: Positive = 30.0
    drain_s: Annotated[float, AtLeast(0)] = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteOptions:
    """The keys of every entry in `outputs`. A kind adds its fields in a subclass.

    kind: a name of the table OUTPUTS. name: names the output in messages and its outbox on the
    disk; None: the kind.
    """

    kind: str
    name: str | None = None
    queue: QueueOptions = field(default_factory=QueueOptions)
