"""The state outputs of a process. They stay open while one run follows the other."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from loguru import logger

from inspector.config import Config, split_sources
from inspector.core.errors import ConfigError
from inspector.core.kinds import has_kind
from inspector.core.lazy import load_entry
from inspector.core.protocols import CountsMissing, ReportsConnection
from inspector.core.secrets import insert_secrets
from inspector.core.types import SINGLE, RunInfo
from inspector.machine.board import FRAMES, JOINED_PARTS, PARTS, StateBoard
from inspector.machine.controls import SourceCounts, TriggerMessage
from inspector.machine.kinds import (
    STATE_OUTPUTS,
    StateOptions,
    StateOutput,
    StationOptions,
    find_station,
    read_options,
)
from inspector.machine.link import BoardLink
from inspector.machine.plc_station import PlcOptions
from inspector.machine.state import JOINED
from inspector.outputs.queued import QueuedOutput
from inspector.parts.options import BY_TRIGGER, PartOptions
from inspector.run import Run
from inspector.triggers.gate import Outcome, TriggerGate


class Inspecting(Protocol):
    """A session or a line."""

    @property
    def runs(self) -> Sequence[Run]:
        """Those that capture now."""
        ...

    @property
    def triggers(self) -> TriggerGate:
        """Takes triggers from outside."""
        ...


class StateOutputs:
    """All state outputs, each with its board. It is an attendant of a line; a session without a
    line calls the same methods. Nothing starts before start().

    entries: the list `outputs` of the configuration; those that send records are ignored. sources:
    their names. Raises ConfigError.
    """

    def __init__(self, entries: Sequence[Mapping[str, Any]], sources: Sequence[str]) -> None:
        self._sources = tuple(sources)
        self._has_joined = len(sources) > 1
        self._entries: list[tuple[str, StateOptions]] = []
        for number, entry in enumerate(entries):
            if has_kind(entry, STATE_OUTPUTS):
                key = f"outputs[{number}]"
                self._entries.append((key, read_options(insert_secrets(entry, key), key)))
        if self._entries and self._has_joined and JOINED in sources:
            raise ConfigError(
                f"sources: the name {JOINED} is that of the parts that all sources see; rename the "
                "source, because the state outputs need that name"
            )
        stations = (*sources, JOINED) if self._has_joined else self._sources
        self.boards = [
            StateBoard(_find_shown(options, stations, key), round(options.expiry_ms * 1e6))
            for key, options in self._entries
        ]
        self._outputs: list[StateOutput] = []
        self._process: Inspecting | None = None

    @property
    def has_plc_server(self) -> bool:
        """Whether a PLC can trigger parts."""
        return any(isinstance(options, PlcOptions) for _, options in self._entries)

    def link(self, run: RunInfo, parts: PartOptions) -> BoardLink | None:
        """What a run passes its verdicts to; None without state outputs."""
        if not self.boards:
            return None
        driven_by = FRAMES
        if parts.enabled:
            driven_by = JOINED_PARTS if parts.join else PARTS
        return BoardLink(self.boards, run, driven_by)

    def start(self, process: Inspecting) -> None:
        """Opens the outputs. Raises ConfigError; then none stays open."""
        self._process = process
        try:
            for (key, options), board in zip(self._entries, self.boards, strict=True):
                output_class = load_entry(STATE_OUTPUTS[options.kind])
                self._outputs.append(output_class(options, board, key, _Controls(process)))
        except ConfigError:
            self.stop()
            raise

    def turn(self) -> None:
        """Says which sources capture, and the conditions of their cameras. To be called about 10
        times per second."""
        if not self.boards or self._process is None:
            return
        runs = {run.info.source_name: run for run in self._process.runs}
        ready = {name: name in runs and _captures(runs[name]) for name in self._sources}
        conditions = {name: run.health.conditions for name, run in runs.items()}
        if self._has_joined:
            joined = [name for name, run in runs.items() if run.info.config["parts"]["join"]]
            ready[JOINED] = bool(joined) and all(ready[name] for name in joined)
            conditions[JOINED] = tuple(f"{n}: {c}" for n in joined for c in conditions[n])
        for board in self.boards:
            for name in board.stations:
                board.see_conditions(name, conditions.get(name, ()))
                board.see_ready(name, ready[name])

    def stop(self) -> None:
        """Shows that nothing is inspected any more, and closes the outputs."""
        for board in self.boards:
            for name in board.stations:
                board.see_ready(name, False)
        while self._outputs:
            self._outputs.pop().stop()


NO_STATES: Final = StateOutputs((), ())


def make_state_outputs(config: Config) -> StateOutputs:
    """The state outputs of a configuration. Raises ConfigError."""
    states = StateOutputs(config.outputs, [entry.name for entry in config.sources] or [SINGLE])
    of_sources = [part.parts for part in split_sources(config).values()] or [config.parts]
    if states.has_plc_server and any(map(_ends_with_next_trigger, of_sources)):
        logger.warning(
            "outputs: a part that a PLC triggers ends with the next trigger only, so its result is "
            "always late; set parts.window_s or parts.frames"
        )
    return states


def _ends_with_next_trigger(parts: PartOptions) -> bool:
    triggered = parts.enabled and parts.by == BY_TRIGGER
    return triggered and parts.window_s is None and parts.frames is None


def _find_shown(options: StateOptions, stations: Sequence[str], key: str) -> Sequence[str]:
    """The stations that an output shows. Raises ConfigError."""
    if isinstance(options, StationOptions):
        return (find_station(options.station, stations, key),)
    return stations


def _captures(run: Run) -> bool:
    source = run.source
    connected = not isinstance(source, ReportsConnection) or source.connected
    return run.pipeline.is_capturing and connected


class _Controls:
    """See Controls."""

    def __init__(self, process: Inspecting) -> None:
        self._process = process

    def trigger(self, message: TriggerMessage, who: str) -> None:
        answer = self._process.triggers.receive(message, who)
        if answer.outcome is not Outcome.ACCEPTED:
            raise ValueError(answer.text)

    def counts(self) -> Sequence[SourceCounts]:
        return [_count(run) for run in self._process.runs]


def _missing_now(run: Run) -> Mapping[str, int]:
    """A file knows it only at its end."""
    source = run.source
    return source.missing() if isinstance(source, CountsMissing) and source.info.live else {}


def _count(run: Run) -> SourceCounts:
    stats = run.pipeline.stats
    outputs = [o.sink for o in run.outputs if isinstance(o.sink, QueuedOutput)]
    return SourceCounts(
        source=run.info.source_name,
        latency_ms={share: stats.latency.quantile(share) for share in (0.5, 0.99)},
        dropped=stats.dropped_by_cause,
        missing=_missing_now(run),
        waiting={output.name: output.counts()["waiting"] for output in outputs},
    )
