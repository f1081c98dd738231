"""A frame becomes model input by the engine's resize rule."""

from collections.abc import Callable

from engines.resize import Resizer
from engines.spec import EngineSpec
from inspector.core.types import Frame, ModelInput


class Preprocess:
    """Resizes frames for one engine; see Resizer for `warnings`.

    check_size: called with the size of a frame when it changes; it raises to refuse the size.
    """

    def __init__(
        self, spec: EngineSpec, check_size: Callable[[tuple[int, int]], None] | None = None
    ) -> None:
        self._resize = Resizer(spec)
        self._check_size = check_size
        self._seen_hw: tuple[int, int] | None = None
        self.warnings = self._resize.warnings

    def __call__(self, frame: Frame) -> ModelInput:
        if self._check_size is not None and frame.frame_hw != self._seen_hw:
            self._check_size(frame.frame_hw)
            self._seen_hw = frame.frame_hw
        pixels, to_frame = self._resize(frame.image)
        return ModelInput(frame, pixels, to_frame)
