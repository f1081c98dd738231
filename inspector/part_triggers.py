"""Connects triggers with the runs of a session."""

import contextlib
from collections.abc import Iterator, Sequence

from inspector.config import Config, split_sources
from inspector.core.clock import now_ns
from inspector.core.errors import ConfigError
from inspector.machine.controls import TriggerMessage
from inspector.parts.options import BY_TRIGGER
from inspector.run import Run
from inspector.triggers.gate import TriggerGate
from inspector.triggers.kinds import TriggerReceivers
from inspector.triggers.message import check_message, trace_of


def announce_part(runs: Sequence[Run], message: TriggerMessage) -> bool:
    """Announces a part to the sources whose parts.by is trigger, and fires their cameras if they
    have a software trigger. message.source: the only source that gets it; None: all. Returns
    whether a source takes it: then the log has a line about the part. Any thread may call this.
    Raises ValueError for a message that cannot be used."""
    check_message(message)
    at_s = now_ns() / 1e9 if message.time_s is None else message.time_s
    pairs = ((run, run.events.parts) for run in runs)
    takers = [
        run
        for run, stage in pairs
        if message.source in (None, run.info.source_name)
        and stage is not None
        and stage.takes_triggers
        and stage.trigger(message.part_id, at_s, trace_of(message))
    ]
    for run in takers:
        run.fire()
    return bool(takers)


def check_takers(config: Config) -> None:
    """Raises ConfigError if triggers are received, but no source uses them."""
    parts = [part.parts for part in split_sources(config).values()] or [config.parts]
    if config.triggers and not any(p.enabled and p.by == BY_TRIGGER for p in parts):
        raise ConfigError(
            "triggers: no source uses them; set parts.enabled: true and parts.by: trigger"
        )


@contextlib.contextmanager
def receive_triggers(config: Config, gate: TriggerGate) -> Iterator[None]:
    """Receives the triggers of the configuration until the end of the block. Raises ConfigError."""
    check_takers(config)
    receivers = TriggerReceivers(config.triggers, gate)
    try:
        yield
    finally:
        receivers.stop()
