"""Emits a `health` event when a condition of the camera begins or ends."""

from collections import deque
from collections.abc import Callable, Sequence

from inspector.core.clock import now_ns
from inspector.core.events import Event
from inspector.core.types import BadFrame, Cause, Inspection, Verdict
from inspector.health.condition_log import ConditionLog
from inspector.health.conditions import STALLED, Symptom


class HealthStage:
    """An event stage. The events come with the frame that shows the change.

    log: the conditions that are active. A frame without a picture, or without product, says nothing
    about the camera.
    """

    name = "camera health"

    def __init__(self, source: str = "", clock_ns: Callable[[], int] = now_ns) -> None:
        """source: name of the camera. clock_ns: monotonic."""
        self.log = ConditionLog(source)
        self._clock_ns = clock_ns
        self._symptoms: deque[tuple[int, Sequence[Symptom]]] = deque()
        self._seen_ns = 0

    def report(self, frame_id: int, symptoms: Sequence[Symptom]) -> None:
        """Takes the symptoms of a frame before its inspection comes, on another thread."""
        self._seen_ns = self._clock_ns()
        if symptoms:
            self._symptoms.append((frame_id, symptoms))

    def see(self, inspection: Inspection) -> tuple[Inspection, Sequence[Event]]:
        symptoms: Sequence[Symptom] = ()
        while self._symptoms and self._symptoms[0][0] <= inspection.frame_id:
            frame_id, symptoms = self._symptoms.popleft()
            if frame_id < inspection.frame_id:
                symptoms = ()
        frame = inspection.frame
        if isinstance(frame, BadFrame) or inspection.cause is Cause.NO_PRODUCT:
            return inspection, ()
        failed = inspection.verdict is Verdict.FAIL
        return inspection, self.log.see(frame, symptoms, failed=failed)

    def flush(self) -> Sequence[Event]:
        return ()


class StallStage(HealthStage):
    """Also emits an event when no picture comes for limit_s."""

    def __init__(
        self, limit_s: float, source: str = "", clock_ns: Callable[[], int] = now_ns
    ) -> None:
        super().__init__(source, clock_ns)
        self._limit_s = limit_s
        self._stalled = False

    def see(self, inspection: Inspection) -> tuple[Inspection, Sequence[Event]]:
        self._seen_ns = self._clock_ns()
        _, events = super().see(inspection)
        if not self._stalled:
            return inspection, events
        self._stalled = False
        return inspection, [self.log.end(STALLED), *events]

    def tick(self) -> Sequence[Event]:
        if self._stalled or not self._seen_ns:
            return ()
        if (seconds := (self._clock_ns() - self._seen_ns) / 1e9) < self._limit_s:
            return ()
        self._stalled = True
        sentence = f"no picture has come for {self._limit_s:g} s"
        return [self.log.begin(Symptom(STALLED, sentence, value=seconds, limit=self._limit_s))]
