"""Opens the engine of a run, and lets it pass only if it computes what its method says."""

import contextlib
import dataclasses
import math
from pathlib import Path

import numpy as np
from loguru import logger

from calibration.plane import Calibration
from engines import parity
from engines.base import Engine, open_engine
from engines.parity import Region, Ruler
from engines.roi import mask
from engines.spec import EngineSpec
from inspector.config import EngineConfig
from inspector.core.arrays import Map
from inspector.core.errors import ParityError
from inspector.core.geometry import Affine
from inspector.core.types import RunInfo
from inspector.measure.analyzer import DefectSizeAnalyzer
from inspector.measure.severity import SeverityLimits


class EngineGate:
    """Called once, on the thread that will use the engine.

    What it finds goes into run.parity; warnings and running_on are filled with it.
    """

    def __init__(self, config: EngineConfig, ruler: Ruler, run: RunInfo) -> None:
        self._config = config
        self._ruler = ruler
        self._run = run
        self.warnings: list[str] = []
        self.running_on: list[str] = []

    def __call__(self) -> Engine:
        """Raises ParityError where the backend breaks the gate, unless the run may fall back and
        the engine passes there."""
        try:
            engine = self._passed(self._config)
        except ParityError as exc:
            if self._config.on_parity_failure != "fallback":
                raise
            self._warn(f"{exc}; falling back to onnxruntime on the CPU")
            refused = dict(self._run.parity)
            # Where engines are checked when they are made.
            safest = dataclasses.replace(self._config, backend="onnx", device="cpu")
            engine = self._passed(safest)
            self._run.parity["fell_back_from"] = refused
        self.running_on.append(engine.running_on)
        return engine

    def _passed(self, config: EngineConfig) -> Engine:
        with contextlib.ExitStack() as stack:
            engine = open_engine(
                Path(config.path or ""),
                backend=config.backend,
                device=config.device,
                threads=config.threads,
                fall_back=config.fall_back,
                hint=config.hint,
            )
            stack.callback(engine.close)
            self._check(engine)
            stack.pop_all()
        return engine

    def _check(self, engine: Engine) -> None:
        found = parity.find(
            engine,
            image_threshold=self._run.image_threshold,
            pixel_threshold=self._run.pixel_threshold,
            ruler=self._ruler,
        )
        self._run.parity.clear()
        if found is None:
            if engine.spec.method != "fake":
                self._warn(
                    "the engine file holds no golden pictures, so nobody knows whether "
                    f"{engine.running_on} computes what its method says"
                )
            return
        self._run.parity.update(found.as_dict())
        parity.check(found)
        logger.info(
            "{} agrees with the engine's reference: map within {:.2g} of its largest value, "
            "checked in {:.2f} s",
            found.backend,
            found.differences["map"],
            found.seconds,
        )

    def _warn(self, warning: str) -> None:
        logger.warning("{}", warning)
        self.warnings.append(warning)


def ruler(
    spec: EngineSpec, calibration: Calibration | None, *, opening_px: int, pixel_threshold: float
) -> Ruler:
    """Measures regions of a map as the run does, but for their refining, which needs frames."""
    frame_hw = spec.frame_hw if calibration is None else calibration.frame_hw
    height, width = frame_hw
    left, top, right, bottom = spec.resize.crop
    box = (left * width, top * height, right * width, bottom * height)
    to_frame = Affine.between(spec.map_hw, box)
    analyzer = DefectSizeAnalyzer(
        calibration,
        refine=False,
        min_area_px=0.0,
        min_area_mm2=None,
        opening_px=opening_px,
        severity=SeverityLimits(),
        max_refined=0,
        inspected=None if spec.roi is None else mask(spec.roi, spec.map_hw, spec.resize.crop),
    )
    # Only its size is looked at where nothing is refined.
    frame = np.broadcast_to(np.uint8(0), (height, width, 3))
    pixel = math.sqrt(to_frame.scale_x * to_frame.scale_y)
    if calibration is not None:
        at = calibration.jacobian((width / 2, height / 2))
        pixel *= math.sqrt(abs(float(np.linalg.det(at))))

    def measure(anomaly_map: Map) -> list[Region]:
        return [
            Region(
                defect.centroid_px,
                defect.map_length_px if defect.map_length_mm is None else defect.map_length_mm,
                defect.map_area_px if defect.map_area_mm2 is None else defect.map_area_mm2,
            )
            for defect in analyzer.analyze(frame, anomaly_map, to_frame, pixel_threshold)
        ]

    return Ruler(measure, "px" if calibration is None else "mm", pixel)
