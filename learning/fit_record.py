"""The fit record: a JSON file beside an engine that says what the engine was fitted from.

It is needed to refit the engine. The engine runs without it.
"""

import dataclasses
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from engines.spec import EngineSpec, ResizeRule, Roi
from engines.spec_checks import check_length, check_number, check_settings, check_text, parse_json
from inspector.core.arrays import Image
from inspector.core.errors import EngineError, SpecError
from inspector.core.files import write_whole
from inspector.core.schema import build, shown
from learning.job import EngineJob
from learning.methods.base import Method, Scorer
from learning.normals import Normals
from learning.options import read_options
from learning.scoring import ScoredModel
from learning.stored_pictures import hash_pixels
from learning.thresholds.folds import COPIES
from learning.thresholds.rules import DROP

FORMAT: Final = 1
SUFFIX: Final = ".fit"

MOST_BYTES: Final = 16_000_000
MOST_PICTURES: Final = 100_000

FITTED, HELD_OUT, DROPPED = "fitted", "held out", "dropped"
ROLES: Final = (FITTED, HELD_OUT, DROPPED)

_SHA256: Final = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class FitPicture:
    """One good picture.

    sha256: of its input pixels, (H, W, 3) uint8 RGB. role: fitted (the model holds it), held out
    (scored by the model), or dropped (it stood out and was not used). score, peak, level: by a
    model without it, as in learning.thresholds.folds.LeftOut; None where it was not scored.
    """

    name: str
    sha256: str
    role: str
    score: float | None = None
    peak: float | None = None
    level: float | None = None

    def __post_init__(self) -> None:
        if not _SHA256.fullmatch(self.sha256):
            raise SpecError(f"sha256 of picture {shown(self.name)} must be 64 hex digits")
        if self.role not in ROLES:
            raise SpecError(f"role of picture {shown(self.name)} must be one of {ROLES}")
        for name in ("score", "peak", "level"):
            check_number(f"{name} of picture {shown(self.name)}", getattr(self, name))


@dataclass(frozen=True, slots=True)
class FeatureRecipe:
    """How the features of a picture are computed: host resize, backbone, layers, method.

    backbone, backbone_sha256: empty for a method without a backbone. options: of the method, by
    the names of its settings.
    """

    backbone: str
    backbone_sha256: str
    layers: tuple[str, ...]
    resize: ResizeRule
    method: str
    options: dict[str, Any] = field(default_factory=dict)
    roi: Roi | None = None

    def __post_init__(self) -> None:
        check_text("features.method", self.method)
        if self.backbone or self.backbone_sha256:
            check_text("features.backbone", self.backbone)
            check_text("features.backbone_sha256", self.backbone_sha256)
        check_settings("features.options", self.options)

    @property
    def method_options(self) -> dict[str, Any]:
        """The options for learning.methods.registry.make_method."""
        return {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in self.options.items()
        }


@dataclass(frozen=True, slots=True)
class FitRecord:
    """What an engine was fitted from.

    graph_hash: of the engine that it belongs to. source: name of the folder, stream or class.
    folds, scheme, ordered: as in LeftOutRecord. sigma, top_fraction: of the map and the score.
    rule, rule_parameters: how the thresholds were chosen at fitting.
    """

    graph_hash: str
    source: str
    features: FeatureRecipe
    pictures: tuple[FitPicture, ...]
    folds: int
    scheme: str
    ordered: bool
    seed: int
    sigma: float
    top_fraction: float | None
    rule: str
    rule_parameters: dict[str, Any]
    drop_suspects: bool
    versions: dict[str, Any]
    created_utc: str
    format: int = FORMAT

    def __post_init__(self) -> None:
        check_length("pictures", self.pictures, MOST_PICTURES)
        check_settings("rule_parameters", self.rule_parameters)
        check_settings("versions", self.versions)


def fit_record_path(engine: Path) -> Path:
    """NAME.fit beside the engine file NAME.onnx."""
    return engine.with_suffix(SUFFIX)


def good_pictures(
    scored: ScoredModel, normals: Normals, *, dropped: bool
) -> Iterator[tuple[str, str, Image]]:
    """Name, role and input pixels of every picture that was fitted or scored, each once; first the
    normals in their order. dropped: whether the suspects were left out."""
    fitted = () if scored.fitted is None else scored.fitted.names
    inside, suspects = set(fitted), set(scored.suspects if dropped else ())
    for name, pixels in zip(normals.names, normals.pixels, strict=True):
        role = DROPPED if name in suspects else FITTED if name in inside else HELD_OUT
        yield name, role, pixels
    if scored.fitted is not None:
        known = set(normals.names)
        for name, pixels in zip(fitted, scored.fitted.pixels, strict=True):
            if name not in known:
                yield name, FITTED, pixels


def make_fit_record(spec: EngineSpec, job: EngineJob, scored: ScoredModel) -> FitRecord:
    """The record of an engine that was just made."""
    left_out, options, normals = scored.left_out, job.options, job.normals
    return FitRecord(
        graph_hash=spec.graph_hash,
        source=normals.name,
        features=FeatureRecipe(
            backbone=spec.backbone,
            backbone_sha256=job.source.files.get("backbone", ""),
            layers=spec.layers,
            resize=spec.resize,
            method=spec.method,
            options=_options(options.method),
            roi=spec.roi,
        ),
        pictures=tuple(_pictures(scored, normals, options.suspects == DROP)),
        folds=left_out.folds,
        scheme=left_out.scheme,
        ordered=left_out.ordered,
        seed=spec.seed,
        sigma=options.sigma,
        top_fraction=options.top_fraction,
        rule=options.rule.name,
        rule_parameters=dict(options.rule.parameters),
        drop_suspects=options.suspects == DROP,
        versions=dict(spec.versions),
        created_utc=spec.created_utc,
    )


def _options(method: Scorer[Any]) -> dict[str, Any]:
    """Those of a method that is fitted have metadata; the others have their fields."""
    if isinstance(method, Method):
        return read_options(method)
    return dataclasses.asdict(method)  # type: ignore[call-overload]


def _pictures(scored: ScoredModel, normals: Normals, dropped: bool) -> Iterator[FitPicture]:
    # By k-fold the fitted pictures were scored, otherwise those that were held out.
    scored_role = HELD_OUT if scored.held_out else FITTED
    left_out = scored.left_out
    if left_out.scheme == COPIES:
        scored_role = ""
    figures = zip(left_out.scores, left_out.peaks, left_out.levels, strict=True)
    for name, role, pixels in good_pictures(scored, normals, dropped=dropped):
        digest = hash_pixels(pixels)
        values = next(figures) if role == scored_role else ()
        # The shortest decimals that give the same float32 again.
        yield FitPicture(name, digest, role, *(float(str(value)) for value in values))


def write_fit_record(path: Path, record: FitRecord) -> None:
    """Writes the file whole or not at all. Raises EngineError where the disk fails."""
    text = json.dumps(dataclasses.asdict(record), allow_nan=False, indent=1, sort_keys=True)
    write_whole(path, text.encode(), "fit record ", EngineError)


def read_fit_record(path: Path, spec: EngineSpec) -> FitRecord:
    """The fit record of the engine that has this spec.

    Raises SpecError for a file that is missing, too large, damaged, of another format, or that
    belongs to another engine.
    """
    try:
        record = _parse(_content(path))
    except SpecError as exc:
        raise SpecError(f"fit record {path}: {exc}; fit the engine again to refit it") from exc
    features = record.features
    same = (
        record.graph_hash == spec.graph_hash
        and features.layers == spec.layers
        and features.resize == spec.resize
        and features.roi == spec.roi
    )
    if not same:
        raise SpecError(
            f"fit record {path} belongs to another engine than {spec.name}: put the record that "
            "was written with this engine beside it, or fit the engine again"
        )
    return record


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as exc:
        raise SpecError(f"it cannot be read: {exc.strerror or exc}") from exc
    if len(content) > MOST_BYTES:
        raise SpecError(f"it is larger than {MOST_BYTES / 1e6:.0f} MB")
    return content


def _parse(content: bytes) -> FitRecord:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise SpecError("it is not UTF-8 text") from exc
    raw = parse_json(text, "the text")
    number = raw.get("format") if isinstance(raw, dict) else FORMAT
    if number != FORMAT or isinstance(number, bool):
        raise SpecError(f"it has format {shown(number)}, and this program reads format {FORMAT}")
    return build(FitRecord, raw, SpecError)
