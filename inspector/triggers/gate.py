"""The place where triggers from outside enter: bounded, counted, and each part once."""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from threading import Lock
from typing import Final

from loguru import logger

from inspector.connections.refusals import Refusals
from inspector.core.clock import now_ns
from inspector.machine.controls import TriggerMessage

MOST_PER_S: Final = 100
"""Triggers that are accepted in any second. No line has more parts."""


class Outcome(StrEnum):
    """What happened with a message. repeated: the same part was announced a short time ago.
    refused: the message cannot be used. too_many: more than MOST_PER_S. not_taken: no run takes
    triggers now."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    REFUSED = "refused"
    TOO_MANY = "too_many"
    NOT_TAKEN = "not_taken"


@dataclass(frozen=True, slots=True)
class TriggerAnswer:
    """text: a sentence."""

    outcome: Outcome
    text: str


class TriggerGate:
    """Any thread may call the methods.

    take: announces a part to the sources; it returns whether a run takes it, and raises ValueError
    for a message that cannot be used. repeat_s: a message with the part_id (without one: the
    serial) of a message that was accepted within this time announces no second part.
    """

    def __init__(self, take: Callable[[TriggerMessage], bool], *, repeat_s: float) -> None:
        self._take, self._repeat_s = take, repeat_s
        self._lock = Lock()
        self._counts = Counter[Outcome]()
        self._recent = OrderedDict[str, float]()
        self._times = deque[float](maxlen=MOST_PER_S)
        self._refusals = Refusals("triggers")

    def receive(
        self, message: TriggerMessage, who: str, *, may_repeat: bool = False
    ) -> TriggerAnswer:
        """Announces a part. who: sent it, such as mqtt:line/trigger; for the log. may_repeat: the
        same message can arrive twice, such as by MQTT with QoS 1."""
        now_s = now_ns() / 1e9
        key = (message.part_id or message.serial) if may_repeat else None
        with self._lock:
            answer = self._check(key, now_s)
        if answer is None:
            at_s = now_s if message.time_s is None else message.time_s
            answer = self._pass_on(replace(message, time_s=at_s))
            if answer.outcome is not Outcome.ACCEPTED and key is not None:
                with self._lock:
                    self._recent.pop(key, None)
        self._count(answer, who)
        return answer

    def refuse(self, reason: object, who: str) -> TriggerAnswer:
        """Counts a message that cannot be read."""
        answer = TriggerAnswer(Outcome.REFUSED, str(reason))
        self._count(answer, who)
        return answer

    def counts(self) -> dict[str, int]:
        """Outcome -> number of messages so far."""
        with self._lock:
            return {outcome.value: self._counts[outcome] for outcome in Outcome}

    def log_counts(self) -> None:
        """Logs them at the end, if there was a message."""
        counts = self.counts()
        if any(counts.values()):
            logger.info("triggers: {}", ", ".join(f"{n} {name}" for name, n in counts.items() if n))

    def _check(self, key: str | None, now_s: float) -> TriggerAnswer | None:
        """None if the message may be passed on. It is then remembered."""
        while self._recent and next(iter(self._recent.values())) <= now_s - self._repeat_s:
            self._recent.popitem(last=False)
        if key is not None and key in self._recent:
            ago_s = now_s - self._recent[key]
            return TriggerAnswer(Outcome.REPEATED, f"{key} was announced {ago_s:.3g} s ago")
        if len(self._times) == MOST_PER_S and self._times[0] > now_s - 1.0:
            return TriggerAnswer(Outcome.TOO_MANY, f"more than {MOST_PER_S} triggers per s")
        self._times.append(now_s)
        if key is not None:
            self._recent[key] = now_s
        return None

    def _pass_on(self, message: TriggerMessage) -> TriggerAnswer:
        try:
            is_taken = self._take(message)
        except ValueError as exc:
            return TriggerAnswer(Outcome.REFUSED, str(exc))
        if not is_taken:
            return TriggerAnswer(Outcome.NOT_TAKEN, "no run takes triggers now")
        return TriggerAnswer(Outcome.ACCEPTED, "the part is announced")

    def _count(self, answer: TriggerAnswer, who: str) -> None:
        with self._lock:
            self._counts[answer.outcome] += 1
            if answer.outcome is not Outcome.ACCEPTED:
                self._refusals.add(f"{who}: {answer.outcome}: {answer.text}")
