"""EngineSpec: the description of an engine, stored as JSON inside the ONNX file.

The JSON is stored under the key SPEC_KEY of the file's `metadata_props`. The classes of the
fields that format 2 adds are in engines.spec_fields.
"""

import dataclasses
import json
import math
import sys
from dataclasses import dataclass, field
from typing import Any

from engines.spec_checks import check_aspects, check_positive_pair, parse_json
from engines.spec_fields import (
    DefectPower,
    Foreground,
    PictureStatistics,
    Quantisation,
    RateThresholds,
    ReferenceView,
    Selection,
    check_power,
    check_rates,
)
from engines.spec_format import FORMAT, NEW_FIELDS, check_format
from inspector.core.errors import SpecError
from inspector.core.schema import build

SPEC_KEY = "inspector_spec"
CONVERTED_FROM = "converted_from_graph"
"""Key in parameters: graph hash of the engine from which this one was converted."""

RESIZE_KINDS = ("halve_linear",)
PRECISIONS = ("float32", "float16", "int8")
MIN_CROP = 0.01

LARGEST_PICTURE = 1 << 24
"""Largest number of pixels of an input and of a map; 4096x4096."""


@dataclass(frozen=True, slots=True)
class ResizeRule:
    """How a frame becomes the input of the graph.

    input_hw: size of the input, px. crop: (left, top, right, bottom) as fractions of the frame.
    kind: "halve_linear", see engines.resize.
    """

    input_hw: tuple[int, int]
    crop: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    kind: str = "halve_linear"


@dataclass(frozen=True, slots=True)
class Roi:
    """Polygons in frame pixels of a frame of size frame_hw, each a list of (x, y).

    A point is inspected if it is in an `inspect` polygon and in no `ignore` polygon. Without any
    `inspect` polygon the whole frame counts as one.
    """

    frame_hw: tuple[int, int]
    inspect: tuple[tuple[tuple[float, float], ...], ...] = ()
    ignore: tuple[tuple[tuple[float, float], ...], ...] = ()


@dataclass(frozen=True, slots=True)
class ThresholdRule:
    """How the thresholds were chosen, so that a report can explain them.

    rule: one of learning.thresholds.rules, or "set by hand". false_alarm_rate: largest share of new
    normal pictures that fail on average; None if the rule gives no such limit. normals: number of
    normal pictures. folds: number of folds. interval: 95 % Clopper-Pearson interval of the rate of
    false alarms among the blocks. note: what the rule assumes. parameters: of the rule. scheme: how
    the normals were split, so that no model scored a picture it was fitted on. alarms: number of
    blocks with a normal picture at or above the image threshold; None if not counted. promise:
    largest share of normal pictures that fail in the long run, with 95 % confidence. block_frames,
    blocks: neighbouring frames of a stream are similar, so block_frames of them count as a single
    block; number of blocks. 1 and None: every picture counts.
    """

    rule: str
    false_alarm_rate: float | None
    normals: int
    folds: int
    interval: tuple[float, float]
    note: str = ""
    parameters: dict[str, float] = field(default_factory=dict)
    scheme: str = ""
    alarms: int | None = None
    promise: float | None = None
    block_frames: int = 1
    blocks: int | None = None

    def sentences(self) -> tuple[str, ...]:
        """Explains to people how the thresholds were chosen, how many normals fail, what the rule
        promises and what it assumes."""
        sentences = [self._describe_rule()]
        single = self.block_frames == 1
        units = "good pictures" if single else f"blocks of {self.block_frames} good frames"
        if self.alarms is not None:
            low, high = self.interval
            sentences.append(
                f"{self.alarms} of these {self.blocks or self.normals} {units} fail (95 % interval "
                f"of the rate: {low:.2%} to {high:.2%})"
            )
        if self.false_alarm_rate is not None:
            sentences.append(
                f"average rate: at most {self.false_alarm_rate:.2%} of new {units} fail, "
                "averaged over many engines made in this way"
            )
        if self.promise is not None:
            limit = f"{self.promise:.2%}{describe_odds(self.promise)}"
            sentences.append(
                f"limit with 95 % confidence: at most {limit} of new {units} fail with this engine "
                "in the long run"
            )
        return (*sentences, self.note) if self.note else tuple(sentences)

    def _describe_rule(self) -> str:
        settings = "".join(f" {key}={value:g}" for key, value in self.parameters.items())
        if not self.normals:
            return f"{self.rule}{settings}"
        scheme = self.scheme or f"{self.folds} folds"
        return f"{self.rule}{settings}: {self.normals} good pictures, {scheme}"


def describe_odds(rate: float) -> str:
    """A rate as " (1 in N)" or " (less than 1 in N)"; an empty text above one half."""
    per = math.floor(1 / rate + 1e-9)
    if per < 2:
        return ""
    return f" (1 in {per})" if math.isclose(rate, 1 / per) else f" (less than 1 in {per})"


@dataclass(frozen=True, slots=True)
class LeftOutRecord:
    """Scores of normal pictures by models that were fitted without them, in order. They are needed
    to choose thresholds again.

    scores, peaks, levels, folds, scheme, ordered: as in learning.thresholds.folds.LeftOut. bank:
    the first 16 hex digits of the sha256 of the input pixels of every picture that was fitted.
    """

    scores: tuple[float, ...]
    peaks: tuple[float, ...]
    levels: tuple[float, ...]
    folds: int
    scheme: str
    ordered: bool
    bank: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not len(self.scores) == len(self.peaks) == len(self.levels) > 0:
            raise SpecError("left_out must hold as many scores as peaks and levels, at least one")


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """Everything that the runtime knows about an engine.

    frame_hw: size of the frames it was fitted on. map_hw: size of the anomaly map. max_batch:
    largest batch; None: any. precision: one of PRECISIONS, the lowest in the graph.
    display_range: (low, high) scores at the ends of the colour scale, the same for all frames.
    graph_hash: sha256 of the graph without its metadata, so thresholds can change. parameters:
    settings of the method. parity: result of the check when the file was made. golden: pictures
    with reference outputs, see engines.golden. trained_on: name, count, and sha256 of the list of
    pictures. left_out: None in files of older programs. good_pictures to quantisation: see
    engines.spec_fields. requires: abilities that a program must have to run this engine. aspects:
    lowest and highest width / height of frames, if the good pictures had varied ones; None: only
    that of frame_hw.
    """

    name: str
    method: str
    backbone: str
    layers: tuple[str, ...]
    frame_hw: tuple[int, int]
    resize: ResizeRule
    map_hw: tuple[int, int]
    image_threshold: float
    pixel_threshold: float
    threshold_rule: ThresholdRule
    display_range: tuple[float, float]
    graph_hash: str
    precision: str = "float32"
    max_batch: int | None = None
    roi: Roi | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    parity: dict[str, Any] = field(default_factory=dict)
    golden: dict[str, Any] = field(default_factory=dict)
    trained_on: dict[str, Any] = field(default_factory=dict)
    left_out: LeftOutRecord | None = None
    good_pictures: PictureStatistics | None = None
    reference_view: ReferenceView | None = None
    rates: tuple[RateThresholds, ...] | None = None
    selection: Selection | None = None
    power: tuple[DefectPower, ...] | None = None
    foreground: Foreground | None = None
    quantisation: Quantisation | None = None
    requires: tuple[str, ...] = ()
    aspects: tuple[float, float] | None = None
    licence: str = ""
    seed: int = 0
    versions: dict[str, str] = field(default_factory=dict)
    created_utc: str = ""
    format: int = FORMAT

    def __post_init__(self) -> None:
        check_format(self.format, self.requires)
        self._check_new_fields()
        for name in ("image_threshold", "pixel_threshold"):
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or not math.isfinite(value):
                raise SpecError(f"{name} must be a finite number, not {value!r}")
        low, high = self.display_range
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise SpecError(
                f"display_range must be two finite rising numbers, not {self.display_range!r}"
            )
        if self.resize.kind not in RESIZE_KINDS:
            raise SpecError(f"resize.kind {self.resize.kind!r} is unknown; known: {RESIZE_KINDS}")
        left, top, right, bottom = self.resize.crop
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise SpecError(f"resize.crop must be within 0 and 1, not {self.resize.crop!r}")
        if min(right - left, bottom - top) < MIN_CROP:
            raise SpecError(
                f"resize.crop must keep {MIN_CROP:.0%} of each side, not {self.resize.crop!r}"
            )
        if self.roi is not None:
            _check_roi(self.roi)
        for name in ("frame_hw", "map_hw"):
            check_positive_pair(name, getattr(self, name))
        check_positive_pair("resize.input_hw", self.resize.input_hw)
        for name, (height, width) in (("map_hw", self.map_hw), ("input_hw", self.resize.input_hw)):
            if height * width > LARGEST_PICTURE:
                raise SpecError(
                    f"{name} is {width}x{height}, above the limit of {LARGEST_PICTURE} pixels"
                )
        if self.precision not in PRECISIONS:
            raise SpecError(f"precision must be one of {PRECISIONS}, not {self.precision!r:.60}")
        if self.max_batch is not None and self.max_batch < 1:
            raise SpecError(f"max_batch must be at least 1, not {self.max_batch}")
        _check_rule(self.threshold_rule)

    def _check_new_fields(self) -> None:
        if self.format == 1:
            for name in NEW_FIELDS:
                if getattr(self, name):
                    raise SpecError(f"a spec of format 1 has no {name}; set format to {FORMAT}")
        if self.rates is not None:
            check_rates(self.rates)
        if self.power is not None:
            check_power(self.power)
        if self.aspects is not None:
            check_aspects(self.aspects)

    def to_json(self) -> str:
        """The text that is stored in the file. Format 1 is written without NEW_FIELDS, so that
        older programs can still open the file."""
        values = dataclasses.asdict(self)
        if self.format == 1:
            for name in NEW_FIELDS:
                del values[name]
        return json.dumps(values, allow_nan=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "EngineSpec":
        """Parses a stored spec. Raises SpecError if it is incomplete or invalid."""
        raw = parse_json(text, "the engine's spec")
        if isinstance(raw, dict):
            # Checked before the fields, because another format may have other fields.
            check_format(raw.get("format", FORMAT), raw.get("requires", ()))
        return build(cls, raw, SpecError, "spec")


def _check_rule(rule: ThresholdRule) -> None:
    if rule.promise is not None and not 0 < rule.promise <= 1:
        raise SpecError(
            f"threshold_rule.promise must be above 0 and at most 1, not {rule.promise!r}"
        )
    for key, value in rule.parameters.items():
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not (number and abs(value) < sys.float_info.max):
            raise SpecError(f"threshold_rule.parameters.{key} must be a number")


def _check_roi(roi: Roi) -> None:
    check_positive_pair("roi.frame_hw", roi.frame_hw)
    for polygon in (*roi.inspect, *roi.ignore):
        if len(polygon) < 3 or any(len(point) != 2 for point in polygon):
            raise SpecError("each roi polygon must have at least three points (x, y)")
