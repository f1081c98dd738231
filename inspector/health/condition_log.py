"""Turns what single frames show into conditions that begin and end."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from loguru import logger

from inspector.core.clock import utc_now
from inspector.core.events import HealthChanged
from inspector.core.types import BadFrame, Frame
from inspector.health.conditions import FROZEN, LASTING, STALLED, Symptom

BEGIN_FRAMES: Final = 3
"""Number of frames in a row with a symptom after which its condition begins."""

DEFECT_FRAMES: Final = 50
"""The same, if all of these frames FAIL and a defect can be the reason of the symptom."""

END_FRAMES: Final = 10
"""Number of frames in a row without a symptom after which the condition ends."""

_AT_ONCE: Final = frozenset((FROZEN, STALLED, *LASTING))
"""Their symptoms need many frames already."""

_HEALTHY: Final = {
    FROZEN: "the picture changes again",
    STALLED: "pictures come again",
}


@dataclass(slots=True)
class Persistence:
    """Whether a condition is active. begin, end: numbers of frames in a row, see above."""

    begin: float = BEGIN_FRAMES
    end: float = END_FRAMES
    active: bool = False
    sick: float = 0
    healthy: int = 0

    @property
    def idle(self) -> bool:
        return not self.active and not self.sick

    def see(self, weight: float) -> bool:
        """weight: 1 for a frame with a symptom, less if it says less, 0 for a frame without.
        Returns whether the condition began or ended."""
        before = self.active
        self.sick, self.healthy = (self.sick + weight, 0) if weight else (0, self.healthy + 1)
        if self.sick >= self.begin - 1e-9:
            self.active = True
        elif self.healthy >= self.end:
            self.active = False
        return self.active is not before


class ConditionLog:
    """Knows which conditions are active. One thread calls see(), begin() and end().

    source: name of the camera, for the log.
    """

    def __init__(self, source: str = "") -> None:
        self._source = source
        self._states: dict[str, Persistence] = {}
        self._active: dict[str, str] = {}
        self._frames: Counter[str] = Counter()
        self._begun: Counter[str] = Counter()
        self._lock = Lock()

    @property
    def conditions(self) -> tuple[str, ...]:
        """Names of the conditions that are active, the oldest first. Any thread may ask."""
        with self._lock:
            return tuple(self._active)

    @property
    def sentence(self) -> str | None:
        """About the conditions that are active; None if there is none. Any thread may ask."""
        with self._lock:
            return "; ".join(f"{name}: {text}" for name, text in self._active.items()) or None

    def see(
        self, frame: Frame | BadFrame, symptoms: Sequence[Symptom], *, failed: bool = False
    ) -> list[HealthChanged]:
        """Called for every frame, in order. Returns the events of the conditions that begin or end.
        symptoms: the clearest of each condition comes first. failed: whether the frame is FAIL."""
        if not symptoms and not self._states:
            return []
        first: dict[str, Symptom] = {}
        for symptom in symptoms:
            first.setdefault(symptom.condition, symptom)
        self._frames.update(first.keys())
        events = []
        for name in {**first, **self._states}:
            shown = first.get(name)
            once = name in _AT_ONCE
            state = self._states.setdefault(name, Persistence(1, 1) if once else Persistence())
            doubtful = failed and shown is not None and shown.by_defect
            weight = BEGIN_FRAMES / DEFECT_FRAMES if doubtful else float(shown is not None)
            if state.see(weight):
                events.append(self.end(name, frame) if shown is None else self.begin(shown, frame))
            if state.idle:
                del self._states[name]
        return events

    def begin(self, symptom: Symptom, frame: Frame | BadFrame | None = None) -> HealthChanged:
        """The event of a condition that begins. frame: that shows it; None if no frame does."""
        self._begun[symptom.condition] += 1
        self._change(symptom.condition, symptom.sentence)
        logger.warning("{}{}: {}", self._where(frame), symptom.condition, symptom.sentence)
        return _event(symptom, "begin", frame)

    def end(self, name: str, frame: Frame | BadFrame | None = None) -> HealthChanged:
        """The event of a condition that ends."""
        self._change(name, None)
        sentence = _HEALTHY.get(name, "the pictures are like the good pictures again")
        logger.warning("{}{} has ended: {}", self._where(frame), name, sentence)
        return _event(Symptom(name, sentence), "end", frame)

    def summary(self) -> dict[str, dict[str, int]]:
        """Condition -> number of frames that show it, and how often it began."""
        names = sorted(self._frames.keys() | self._begun.keys())
        return {n: {"frames": self._frames[n], "begun": self._begun[n]} for n in names}

    def _change(self, name: str, sentence: str | None) -> None:
        with self._lock:
            if sentence is None:
                self._active.pop(name, None)
            else:
                self._active[name] = sentence

    def _where(self, frame: Frame | BadFrame | None) -> str:
        if frame is not None:
            return f"{frame.source_id}, frame {frame.frame_id}: "
        return f"{self._source}: " if self._source else ""


def _event(symptom: Symptom, state: str, frame: Frame | BadFrame | None) -> HealthChanged:
    place: dict[str, Any] = {"wall_time_utc": utc_now()}
    if frame is not None:
        place = {
            "wall_time_utc": frame.wall_time_utc,
            "frame_id": frame.frame_id,
            "captured_ns": frame.captured_ns,
        }
    return HealthChanged(
        **place,
        condition=symptom.condition,
        state=state,
        message=symptom.sentence,
        value=symptom.value,
        limit=symptom.limit,
    )
