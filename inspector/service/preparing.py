"""Prepares the next session of a line in the background, while the current one inspects."""

import contextlib
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace

from loguru import logger

from inspector.config import Config
from inspector.core.errors import InspectorError, StageError
from inspector.core.types import RunInfo
from inspector.interruption import InterruptionStage
from inspector.outputs.run_folder import remove_new
from inspector.run_link import RunLink
from inspector.service.line_config import LineConfig
from inspector.service.settings import Settings
from inspector.session import Session
from inspector.store.requests import Request

MakeSession = Callable[[Config, RunLink], Session]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the next session runs with, and why.

    base: the configuration without recipe and settings. recipe: of the line; settings has those of
    single sources. request: gets the answer; None if nobody waits for one. text: the answer if it
    works. undo: called if it does not work. check: name of the routine check that the session is;
    None: it is production.
    """

    base: Config
    recipe: str | None
    settings: Settings
    who: str
    why: str | None
    text: str
    request: Request | None = None
    undo: Callable[[], None] | None = None
    check: str | None = None

    @property
    def source_recipes(self) -> Mapping[str, str]:
        """Name of a source -> the recipe that it uses instead of that of the line."""
        return {entry.source: entry.recipe for entry in self.settings.source_recipes}

    def find_recipe(self, source: str) -> str | None:
        """The recipe that a source uses."""
        return self.source_recipes.get(source, self.recipe)


class Preparation:
    """A session that opens in the background, until take() returns it.

    before: the runs that it continues, by name of the source. interruptions: see RunLink.
    """

    def __init__(
        self,
        plan: Plan,
        config: LineConfig,
        make: MakeSession,
        before: Mapping[str, RunInfo],
        interruptions: Mapping[str, InterruptionStage],
        executor: Executor,
    ) -> None:
        self.plan = plan
        self._link = RunLink(
            *(plan.recipe, before, plan.who, plan.why, interruptions),
            check=plan.check,
            source_recipes=plan.source_recipes,
        )
        self._config, self._make = config, make
        self._canceled = False
        self._future: Future[Session] = executor.submit(self._open)

    @property
    def is_done(self) -> bool:
        return self._future.done()

    def cancel(self) -> None:
        """Gives up. take() then raises InspectorError."""
        self._canceled = True

    def take(self) -> Session:
        """Waits until the session can start. Raises the errors of Session, the first error of an
        engine or an output that cannot be opened, and StageError for an unexpected error; nothing
        of the session is left then."""
        error = self._future.exception()
        if isinstance(error, Exception) and not isinstance(error, InspectorError):
            logger.opt(exception=error).error("the next session cannot be prepared")
            raise StageError("preparation", (), error) from error
        session = self._future.result()
        if self._canceled:
            discard(session, None)
            raise InspectorError("it was given up, because the line stops")
        return session

    def _open(self) -> Session:
        plan = self.plan
        config = self._config.compose(plan.base, plan.recipe, plan.settings)
        if plan.check is not None:  # its parts are meant to fail
            config = replace(config, fail_on_anomaly=False)
        session = self._make(config, self._link)
        ready = False
        try:
            session.open(lambda: session.abort() if self._canceled else None)
            ready = session.is_ready
        finally:
            if not ready:
                discard(session, sys.exception())
        if not ready:
            raise InspectorError("it was given up, because the line stops")
        return session


def discard(session: Session, exc: BaseException | None) -> None:
    """Ends a session that captured nothing, and removes its new folder. Raises its first error,
    otherwise exc."""
    with contextlib.closing(session):
        try:
            session.abandon(exc, report=False)
        finally:
            remove_new(session.folder)
