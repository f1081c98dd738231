"""Resizes frames to model input by the engine's resize rule."""

from collections.abc import Callable

from loguru import logger

from engines.resize import crop_box, to_input
from engines.spec import EngineSpec
from inspector.core.types import Frame, ModelInput

ASPECT_TOLERANCE = 0.02
"""Relative. Rounding to multiples of 32 changes a 16:9 aspect by 1.6 %, also in fitting."""


class Preprocess:
    """Resizes frames for one engine and collects `warnings` about them.

    check_size: called with the frame size whenever it changes. It raises if the size is wrong.
    """

    def __init__(
        self, spec: EngineSpec, check_size: Callable[[tuple[int, int]], None] | None = None
    ) -> None:
        self._rule = spec.resize
        self._fitted_hw = spec.frame_hw
        self._check_size = check_size
        self._seen_hw: tuple[int, int] | None = None
        self.warnings: list[str] = []

    def __call__(self, frame: Frame) -> ModelInput:
        if frame.frame_hw != self._seen_hw:
            if self._check_size is not None:
                self._check_size(frame.frame_hw)
            self._check_aspect(frame)
            self._seen_hw = frame.frame_hw
        pixels, to_frame = to_input(frame.image, self._rule)
        return ModelInput(frame, pixels, to_frame)

    def _check_aspect(self, frame: Frame) -> None:
        """Warns once if the resize rule changes the aspect by another factor than in fitting."""
        x0, y0, x1, y1 = crop_box(self._rule, frame.frame_hw)
        fx0, fy0, fx1, fy1 = crop_box(self._rule, self._fitted_hw)
        aspect, fitted = (x1 - x0) / (y1 - y0), (fx1 - fx0) / (fy1 - fy0)
        if self.warnings or abs(aspect / fitted - 1) <= ASPECT_TOLERANCE:
            return
        height, width = frame.frame_hw
        warning = (
            f"frames of {width}x{height} have another aspect ratio than the engine's "
            f"{self._fitted_hw[1]}x{self._fitted_hw[0]}: they are distorted, and scores may change"
        )
        logger.warning(warning)
        self.warnings.append(warning)
