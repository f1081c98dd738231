"""Ends sessions in the background, while a later one inspects."""

from collections.abc import Iterator
from concurrent.futures import Executor, Future

from loguru import logger

from inspector.core.errors import InspectorError
from inspector.core.memory import return_memory
from inspector.session import Session


class EndingSessions:
    """Sessions whose last frames are inspected and whose results are completed.

    error: the first error of all sessions that have ended. code: the largest exit code of those
    without an error.
    """

    def __init__(self, executor: Executor) -> None:
        self.error: InspectorError | None = None
        self.code = 0
        self._executor = executor
        self._sessions: dict[Future[int], Session] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(self._sessions.values())

    def __len__(self) -> int:
        return len(self._sessions)

    def add(self, session: Session) -> None:
        """Waits for its end in the background."""
        self._sessions[self._executor.submit(session.drain)] = session

    def collect(self) -> list[Session]:
        """Notes the results of those that have ended, and returns them. Raises errors that are no
        InspectorError."""
        ended = {future: session for future, session in self._sessions.items() if future.done()}
        for future in ended:
            del self._sessions[future]
            try:
                self.code = max(self.code, future.result())
            except InspectorError as exc:
                logger.error("a session failed: {}", exc)
                self.error = self.error or exc
        if ended:
            return_memory()
        return list(ended.values())
