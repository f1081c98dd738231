"""Resizes frames to model input by the engine's resize rule."""

from collections.abc import Callable

from engines.resize import Resizer
from engines.spec import EngineSpec
from inspector.core.arrays import Image
from inspector.core.errors import CalibrationSizeError, FrameError
from inspector.core.stage_items import HEALTHY, FrameHealth, ModelInput
from inspector.core.types import Cause, Frame

CheckHealth = Callable[[Frame, Image], FrameHealth]
"""(frame, its pixels as the engine takes them) -> whether it is fit to be judged."""


class Preprocess:
    """Resizes frames for one engine. See Resizer for `warnings` and allow_aspect.

    check_size: called with the frame size when it changes. It raises CalibrationSizeError for a
    wrong size. Such a frame is an ERROR frame of cause `size`, and the run continues.
    check_health: finds frames that are ERROR although the engine can compute a map of them.
    """

    def __init__(
        self,
        spec: EngineSpec,
        check_size: Callable[[tuple[int, int]], None] | None = None,
        check_health: CheckHealth | None = None,
        *,
        allow_aspect: bool = False,
    ) -> None:
        self._resize = Resizer(spec, allow_aspect=allow_aspect)
        self._check_size = check_size
        self._check_health = check_health
        self._right_hw: tuple[int, int] | None = None
        self.warnings = self._resize.warnings

    def __call__(self, frame: Frame) -> ModelInput:
        """Raises FrameError."""
        if self._check_size is not None and frame.frame_hw != self._right_hw:
            try:
                self._check_size(frame.frame_hw)
            except CalibrationSizeError as exc:
                raise FrameError(str(exc), Cause.SIZE) from exc
            self._right_hw = frame.frame_hw
        pixels, to_frame = self._resize(frame.image)
        health = HEALTHY if self._check_health is None else self._check_health(frame, pixels)
        return ModelInput(frame, pixels, to_frame, health.fault, health.no_mm)
