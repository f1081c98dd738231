"""Opens the engine of a run and checks it against the golden pictures of its file."""

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
from engines.parity import RegionSize, Ruler
from engines.roi import draw_inspected
from engines.spec import CONVERTED_FROM, EngineSpec
from engines.spec_file import file_hash, read_spec
from engines.spec_format import INT8
from inspector.config import RunEngineOptions
from inspector.core.arrays import Map
from inspector.core.errors import ConfigError, EngineError, ParityError
from inspector.core.geometry import Affine
from inspector.core.types import SINGLE, Defect, RunInfo
from inspector.measure.analyzer import MapAnalyzer
from inspector.measure.options import MeasureOptions

CHECKED_ON: Final = ("onnx", "cpu")
"""Backend and device on which every engine is checked when it is made."""


class EngineCheck:
    """Opens an engine and checks it. The engine must give the results of its golden pictures.

    open() writes the result of the check into run.parity, and the file and the runtime in use into
    run.judged_by. It also fills warnings and running_on.
    """

    def __init__(
        self, options: RunEngineOptions, spec: EngineSpec, ruler: Ruler, run: RunInfo
    ) -> None:
        """spec: of the configured file. All other stages of the run use this spec."""
        self._options = options
        self._spec = spec
        self._ruler = ruler
        self._run = run
        self._source = "" if run.source_name == SINGLE else f"{run.source_name}: "
        self.warnings: list[str] = []
        self.running_on: list[str] = []

    def open(self) -> Engine:
        """Opens and checks the engine. Call it once, on the thread that will use the engine.

        Raises ParityError if the backend fails the check and the run may not fall back, or if the
        fallback fails too. Raises EngineError if the file was replaced since the run began.
        """
        try:
            engine = self._open_checked(self._options)
        except ParityError as exc:
            if self._options.on_parity_failure != "fallback":
                raise
            engine = self._fall_back(exc)
        self.running_on.append(engine.running_on)
        return engine

    def _fall_back(self, exc: ParityError) -> Engine:
        path = self._options.fallback_path or self._options.path
        self._warn(
            f"{exc}; falling back to onnxruntime on the CPU with {path} and the thresholds of "
            f"{self._options.path}"
        )
        refused, refused_engine = dict(self._run.parity), dict(self._run.judged_by)
        backend, device = CHECKED_ON
        safest = dataclasses.replace(self._options, path=path, backend=backend, device=device)
        engine = self._open_checked(safest)
        self._run.parity["fell_back_from"] = refused
        self._run.judged_by["fell_back_from"] = refused_engine
        return engine

    def _open_checked(self, options: RunEngineOptions) -> Engine:
        path = Path(options.path or "")
        with contextlib.ExitStack() as stack:
            engine = open_engine(path, **options.for_open_engine())
            stack.callback(engine.close)
            self._refuse_replaced_file(options, engine.spec)
            self._run.judged_by.clear()
            self._run.judged_by.update(
                path=options.path,
                sha256=file_hash(path) if path.is_file() else "",
                graph_hash=engine.spec.graph_hash,
                precision=engine.spec.precision,
                running_on=engine.running_on,
            )
            self._compare(engine, options)
            stack.pop_all()
        return engine

    def _refuse_replaced_file(self, options: RunEngineOptions, spec: EngineSpec) -> None:
        if options.path != self._options.path:
            _check_replacement(options.path or "", spec, self._options, self._spec)
        elif spec != self._spec:
            raise EngineError(
                f"engine file {options.path} was replaced while the run started: start it again"
            )

    def _compare(self, engine: Engine, options: RunEngineOptions) -> None:
        result = parity.compare_golden(
            engine,
            image_threshold=self._run.image_threshold,
            pixel_threshold=self._run.pixel_threshold,
            ruler=self._ruler,
            batch=self._options.batch,
        )
        self._run.parity.clear()
        if result is None:
            if (reason := parity.explain_missing_golden(engine)) is not None:
                self._accept_unchecked(reason, options)
            return
        self._run.parity.update(result.as_dict())
        parity.require_parity(result)
        logger.info(
            "{}{} gives the results that are stored in the engine file: its map differs by at most "
            "{:.2g} of the largest value, checked in {:.2f} s",
            self._source,
            result.backend,
            result.differences["map"],
            result.seconds,
        )

    def _accept_unchecked(self, reason: str, options: RunEngineOptions) -> None:
        """Accepts a file without golden pictures only on CHECKED_ON."""
        if (options.backend, options.device) != CHECKED_ON:
            raise ParityError(f"{reason}: run it with backend onnx on device cpu, or fit it again")
        self._warn(reason)

    def _warn(self, warning: str) -> None:
        logger.warning("{}{}", self._source, warning)
        self.warnings.append(warning)


def check_fallback(options: RunEngineOptions, spec: EngineSpec) -> None:
    """Raises ConfigError if the run may fall back, but the file for the fallback is neither the
    engine of this spec nor its float32 form."""
    if options.on_parity_failure != "fallback":
        return
    if INT8 in spec.requires:
        raise ConfigError(
            f"engine.on_parity_failure is fallback, but {options.path} is an int8 engine, whose "
            "thresholds do not fit the engine that it was made from: set it to stop"
        )
    if options.fallback_path is not None:
        path = options.fallback_path
        _check_replacement(path, read_spec(Path(path)), options, spec)
    elif CONVERTED_FROM in spec.parameters:
        raise ConfigError(
            f"engine.on_parity_failure is fallback, but {options.path} was converted to "
            f"{spec.precision}: name the engine that it was made from as engine.fallback_path"
        )


def _check_replacement(
    path: str, other: EngineSpec, options: RunEngineOptions, spec: EngineSpec
) -> None:
    """Thresholds and display range may differ. The run uses those of the configured file."""
    if other.graph_hash != spec.parameters.get(CONVERTED_FROM, spec.graph_hash):
        raise ConfigError(
            f"engine.fallback_path: {path} is not the engine that {options.path} was converted from"
            if CONVERTED_FROM in spec.parameters
            else f"engine.fallback_path: {options.path} was not converted from another engine, so "
            f"it can fall back only to itself, but {path} holds another graph"
        )
    for name in ("frame_hw", "resize", "map_hw", "roi"):
        if getattr(other, name) != getattr(spec, name):
            raise ConfigError(
                f"engine.fallback_path: {path} and {options.path} differ in their {name}"
            )


def make_ruler(
    spec: EngineSpec,
    calibration: Calibration | None,
    measure: MeasureOptions,
    *,
    pixel_threshold: float,
    failed: Callable[[float, Sequence[Defect]], bool] | None = None,
) -> Ruler:
    """Makes the ruler that measures the regions of golden maps like the run, but without refining,
    because there are no frames. failed: the verdict of the run on a score and defects; None: the
    score alone decides."""
    frame_hw = spec.frame_hw if calibration is None else calibration.frame_hw
    height, width = frame_hw
    left, top, right, bottom = spec.resize.crop
    box = (left * width, top * height, right * width, bottom * height)
    to_frame = Affine.between(spec.map_hw, box)
    inspected = draw_inspected(spec)
    unrefined = dataclasses.replace(measure, refine=False)
    analyzer = MapAnalyzer(calibration, unrefined, inspected=inspected)
    # Without refining only the size of the frame is used.
    frame = np.broadcast_to(np.uint8(0), (height, width, 3))
    pixel = math.sqrt(to_frame.scale_x * to_frame.scale_y)
    if calibration is not None:
        at = calibration.jacobian((width / 2, height / 2))
        pixel *= math.sqrt(abs(float(np.linalg.det(at))))

    def find_defects(anomaly_map: Map) -> tuple[Defect, ...]:
        return analyzer.analyze(frame, anomaly_map, to_frame, pixel_threshold)

    return Ruler(
        lambda anomaly_map: [_region_size(defect) for defect in find_defects(anomaly_map)],
        "px" if calibration is None else "mm",
        pixel,
        None
        if failed is None
        else lambda score, anomaly_map: failed(score, find_defects(anomaly_map)),
    )


def _region_size(defect: Defect) -> RegionSize:
    return RegionSize(
        defect.centroid_px,
        defect.map_length_px if defect.map_length_mm is None else defect.map_length_mm,
        defect.map_area_px if defect.map_area_mm2 is None else defect.map_area_mm2,
    )
