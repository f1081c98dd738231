"""Opens the engine of a run and refuses it if it does not compute what its method computes."""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from loguru import logger

from calibration.plane import Calibration
from engines import parity
from engines.opening import Engine, open_engine
from engines.parity import Region, Ruler
from engines.roi import mask
from engines.spec import CONVERTED_FROM, EngineSpec
from engines.spec_file import file_hash, read_spec
from inspector.config import EngineOptions
from inspector.core.arrays import Map
from inspector.core.errors import ConfigError, EngineError, ParityError
from inspector.core.geometry import Affine
from inspector.core.types import Defect, RunInfo
from inspector.measure.analyzer import MapAnalyzer
from inspector.measure.options import MeasureOptions

CHECKED_ON: Final = ("onnx", "cpu")
"""Backend and device on which engines are checked when they are made."""


class EngineGate:
    """Call it once, on the thread that will use the engine.

    The result of the check goes into run.parity. The file and the runtime that are used go into
    run.judged_by. It fills warnings and running_on, too.
    """

    def __init__(self, config: EngineOptions, spec: EngineSpec, ruler: Ruler, run: RunInfo) -> None:
        """spec: of the configured file. All other stages of the run are made for it."""
        self._config = config
        self._spec = spec
        self._ruler = ruler
        self._run = run
        self.warnings: list[str] = []
        self.running_on: list[str] = []

    def __call__(self) -> Engine:
        """Raises ParityError where the backend does not pass the check, unless the run may fall
        back and the engine passes there. Raises EngineError where the file was replaced since the
        run began."""
        try:
            engine = self._open_checked(self._config)
        except ParityError as exc:
            if self._config.on_parity_failure != "fallback":
                raise
            engine = self._fall_back(exc)
        self.running_on.append(engine.running_on)
        return engine

    def _fall_back(self, exc: ParityError) -> Engine:
        path = self._config.fallback_path or self._config.path
        self._warn(
            f"{exc}; falling back to onnxruntime on the CPU with {path} and the thresholds of "
            f"{self._config.path}"
        )
        refused, refused_engine = dict(self._run.parity), dict(self._run.judged_by)
        backend, device = CHECKED_ON
        safest = dataclasses.replace(self._config, path=path, backend=backend, device=device)
        engine = self._open_checked(safest)
        self._run.parity["fell_back_from"] = refused
        self._run.judged_by["fell_back_from"] = refused_engine
        return engine

    def _open_checked(self, config: EngineOptions) -> Engine:
        path = Path(config.path or "")
        with contextlib.ExitStack() as stack:
            engine = open_engine(path, **config.for_open_engine())
            stack.callback(engine.close)
            self._refuse_replaced(config, engine.spec)
            self._run.judged_by.clear()
            self._run.judged_by.update(
                path=config.path,
                sha256=file_hash(path) if path.is_file() else "",
                graph_hash=engine.spec.graph_hash,
                precision=engine.spec.precision,
                running_on=engine.running_on,
            )
            self._check(engine, config)
            stack.pop_all()
        return engine

    def _refuse_replaced(self, config: EngineOptions, spec: EngineSpec) -> None:
        if config.path != self._config.path:
            _check_other(config.path or "", spec, self._config, self._spec)
        elif spec != self._spec:
            raise EngineError(f"engine file {config.path} was replaced while the run started")

    def _check(self, engine: Engine, config: EngineOptions) -> None:
        findings = parity.find(
            engine,
            image_threshold=self._run.image_threshold,
            pixel_threshold=self._run.pixel_threshold,
            ruler=self._ruler,
            batch=self._config.batch,
        )
        self._run.parity.clear()
        if findings is None:
            if (unknown := parity.doubt(engine)) is not None:
                self._accept_unchecked(unknown, config)
            return
        self._run.parity.update(findings.as_dict())
        parity.check(findings)
        logger.info(
            "{} agrees with the engine's reference: map within {:.2g} of its largest value, "
            "checked in {:.2f} s",
            findings.backend,
            findings.differences["map"],
            findings.seconds,
        )

    def _accept_unchecked(self, unknown: str, config: EngineOptions) -> None:
        """A file without golden pictures: only where engines are checked when they are made."""
        if (config.backend, config.device) != CHECKED_ON:
            raise ParityError(f"{unknown}: run it with backend onnx on device cpu, or fit it again")
        self._warn(unknown)

    def _warn(self, warning: str) -> None:
        logger.warning("{}", warning)
        self.warnings.append(warning)


def check_fallback(config: EngineOptions, spec: EngineSpec) -> None:
    """Raises ConfigError where the run may fall back, but the engine for that is not the one of
    this spec or not its float32 form."""
    if config.on_parity_failure != "fallback":
        return
    if config.fallback_path is not None:
        path = config.fallback_path
        _check_other(path, read_spec(Path(path)), config, spec)
    elif CONVERTED_FROM in spec.parameters:
        raise ConfigError(
            f"engine.on_parity_failure is fallback, but {config.path} was converted to "
            f"{spec.precision}: name the engine that it was made from as engine.fallback_path"
        )


def _check_other(path: str, other: EngineSpec, config: EngineOptions, spec: EngineSpec) -> None:
    """Thresholds and display range may differ: the run keeps its own."""
    if other.graph_hash != spec.parameters.get(CONVERTED_FROM, spec.graph_hash):
        raise ConfigError(
            f"engine.fallback_path: {path} is not the engine that {config.path} was converted from"
            if CONVERTED_FROM in spec.parameters
            else f"engine.fallback_path: {config.path} was not converted from another engine, so "
            f"it can fall back only to itself, but {path} holds another graph"
        )
    for name in ("frame_hw", "resize", "map_hw", "roi"):
        if getattr(other, name) != getattr(spec, name):
            raise ConfigError(
                f"engine.fallback_path: {path} and {config.path} differ in their {name}"
            )


def make_ruler(
    spec: EngineSpec,
    calibration: Calibration | None,
    measure: MeasureOptions,
    *,
    pixel_threshold: float,
    failed: Callable[[float, Sequence[Defect]], bool] | None = None,
) -> Ruler:
    """Measures regions of a map as the run does, but without refining them, which needs frames.
    failed: the verdict of the run on a score and defects; None: the score alone decides."""
    frame_hw = spec.frame_hw if calibration is None else calibration.frame_hw
    height, width = frame_hw
    left, top, right, bottom = spec.resize.crop
    box = (left * width, top * height, right * width, bottom * height)
    to_frame = Affine.between(spec.map_hw, box)
    inspected = None if spec.roi is None else mask(spec.roi, spec.map_hw, spec.resize.crop)
    unrefined = dataclasses.replace(measure, refine=False)
    analyzer = MapAnalyzer(calibration, unrefined, inspected=inspected)
    # Only the size of the frame matters where nothing is refined.
    frame = np.broadcast_to(np.uint8(0), (height, width, 3))
    pixel = math.sqrt(to_frame.scale_x * to_frame.scale_y)
    if calibration is not None:
        at = calibration.jacobian((width / 2, height / 2))
        pixel *= math.sqrt(abs(float(np.linalg.det(at))))

    def defects(anomaly_map: Map) -> tuple[Defect, ...]:
        return analyzer.analyze(frame, anomaly_map, to_frame, pixel_threshold)

    return Ruler(
        lambda anomaly_map: [_region(defect) for defect in defects(anomaly_map)],
        "px" if calibration is None else "mm",
        pixel,
        None if failed is None else lambda score, anomaly_map: failed(score, defects(anomaly_map)),
    )


def _region(defect: Defect) -> Region:
    return Region(
        defect.centroid_px,
        defect.map_length_px if defect.map_length_mm is None else defect.map_length_mm,
        defect.map_area_px if defect.map_area_mm2 is None else defect.map_area_mm2,
    )
