"""Counts values that could not be used, and warns at most once per minute."""

from typing import Final

from loguru import logger

from inspector.core.clock import now_ns

_WARN_EVERY_S: Final = 60.0


class Refusals:
    """key: of the section in the configuration, for the warning."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._count = 0
        self._warn_after_s = 0.0

    def add(self, reason: object) -> None:
        self._count += 1
        now_s = now_ns() / 1e9
        if now_s >= self._warn_after_s:
            self._warn_after_s = now_s + _WARN_EVERY_S
            logger.warning(
                "{}: {} messages could not be used; the last one: {}",
                *(self._key, self._count, reason),
            )
