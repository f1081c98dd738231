"""The requests refit, accept_engine and undo_engine of a line."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from loguru import logger

from engines.engine_changes import accept_candidate, engine_of, redo_engine, undo_engine
from inspector.config import split_sources
from inspector.core.clock import ms_since, now_ns, utc_now
from inspector.core.errors import ConfigError
from inspector.core.schema import build
from inspector.service.line_requests import PROGRAM, Reply
from inspector.service.line_state import RefitState
from inspector.service.line_store import store_path
from inspector.store.requests import Request
from inspector.teaching.process import RefitProcess, start_refit

if TYPE_CHECKING:
    from inspector.service.line import Line


PERIOD_S: Final = 1.0
"""Time between two looks at what a refit does."""


@dataclass(frozen=True, slots=True)
class CandidateArguments:
    """candidate: file beside its engine."""

    candidate: str


@dataclass(frozen=True, slots=True)
class EngineArguments:
    """engine: file of an engine of the line; None: the only one."""

    engine: str | None = None


class Teaching:
    """Refits engines of a line in another process, and exchanges their files. An exchanged engine
    is used from the next run on, which begins at once."""

    def __init__(self, line: "Line") -> None:
        self._line = line
        self._refit: tuple[Request, RefitProcess] | None = None
        self._looked_ns = 0
        line.desk.add_kind("refit", self._start_refit)
        line.desk.add_kind("accept_engine", self._accept)
        line.desk.add_kind("undo_engine", self._undo)
        line.attendants.add(self)

    def turn(self) -> None:
        """See Attendant."""
        if self._refit is None:
            return
        request, process = self._refit
        outcome = process.poll()
        if outcome is None:
            if ms_since(self._looked_ns) > 1000 * PERIOD_S:
                self._looked_ns = now_ns()
                self._show(process.last_line(), is_working=True)
            return
        self._refit = None
        text = outcome.text.splitlines()[-1] if outcome.text else ""
        if outcome.done:
            text = f"the candidate {outcome.candidate} is ready"
            logger.info("{}", text)
        else:
            logger.error("the refit failed: {}", text)
        self._show(text if outcome.done else f"it failed: {text}", is_working=False)
        self._line.store.record(request.who, "refit", None, text, request.why)

    def stop(self) -> None:
        """See Attendant."""
        if self._refit is not None:
            self._refit[1].stop()

    def _start_refit(self, request: Request) -> Reply:
        if self._refit is not None:
            raise ConfigError("another refit is working: wait for its end")
        engine = self._find_engine(request)
        base = self._line.plan.base
        process = start_refit(engine, mode=base.mode, options=base.teaching, store=store_path(base))
        self._refit = request, process
        self._line.refit = RefitState(str(engine), utc_now(), True, "it begins")
        return Reply(f"the refit of {engine} began; its candidate will be beside it")

    def _show(self, text: str, *, is_working: bool) -> None:
        assert self._line.refit is not None
        self._line.refit = replace(self._line.refit, is_working=is_working, text=text)

    def _accept(self, request: Request) -> Reply:
        arguments = build(CandidateArguments, request.arguments, ConfigError, request.kind)
        candidate = Path(arguments.candidate)
        engine = self._check_engine(engine_of(candidate))
        accept_candidate(engine, candidate, request.who, request.why or "")

        def undo() -> None:
            undo_engine(engine, PROGRAM, "the line cannot begin with this engine")

        return Reply(f"the candidate is in use as {engine}", renews=True, undo=undo)

    def _undo(self, request: Request) -> Reply:
        engine = self._find_engine(request)
        undo_engine(engine, request.who, request.why or "")

        def undo() -> None:
            redo_engine(engine, PROGRAM, "the line cannot begin with the former engine")

        return Reply(f"the former {engine} is in use again", renews=True, undo=undo)

    def _find_engine(self, request: Request) -> Path:
        named = build(EngineArguments, request.arguments, ConfigError, request.kind).engine
        if named is not None:
            return self._check_engine(Path(named))
        engines = self._engines()
        if len(engines) != 1:
            raise ConfigError(f"name one of the engines of the line: {_list(engines)}")
        return engines[0]

    def _check_engine(self, path: Path) -> Path:
        engines = self._engines()
        for engine in engines:
            if engine.absolute() == path.absolute():
                return engine
        raise ConfigError(f"{path} is no engine of the line, which uses {_list(engines)}")

    def _engines(self) -> list[Path]:
        """Each engine file of the present recipe once."""
        plan = self._line.plan
        config = self._line.config.compose(plan.base, plan.recipe, plan.settings)
        paths = (part.engine.path for part in split_sources(config).values())
        return list(dict.fromkeys(Path(path) for path in paths if path is not None))


def _list(engines: list[Path]) -> str:
    return ", ".join(map(str, engines)) or "no engine file"
