"""Makes a candidate: an engine fitted again from its good pictures and some more.

The candidate is what `fit_engine` makes from all these pictures. By default no defects are
simulated and fewer pictures are checked, because both take longer than all other steps together.
"""

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engines.engine_changes import REFIT, candidate_path, complete_change
from engines.spec import CONVERTED_FROM, EngineSpec
from engines.spec_file import read_checked
from inspector.core.errors import ConfigError
from learning.augmentation import AUTO, MOST_PICTURES, NONE
from learning.backbones.zoo import describe
from learning.checking import PICTURES
from learning.fit_record import FITTED, HELD_OUT, FitRecord, fit_record_path, read_fit_record
from learning.fitting import fit_engine
from learning.job import SIMULATED, EngineResult, FitOptions, Progress
from learning.lines.method import LINES
from learning.methods.registry import make_method
from learning.refit_pictures import choose_pictures
from learning.thresholds.changing import suspects_policy
from learning.thresholds.folds import HELD_OUT as HELD_OUT_SCHEME
from learning.thresholds.folds import K_FOLD, Scheme, usual_folds
from learning.thresholds.rules import RULES, Rule

FEW_CHECKED: Final = 3
"""Pictures of the short check: a batch of one and one of two. Two of them are the golden pictures.
The method and its graph were checked with PICTURES when the engine was fitted."""


@dataclass(frozen=True, slots=True)
class RefitOptions:
    """full: simulate defects and check as many pictures as a fit. keep_similar: see learning.fit,
    for the added pictures. backbone: its file, None for the one that comes with the program.
    threads: of the runtime, 0 lets it choose."""

    full: bool = False
    keep_similar: bool = False
    backbone: Path | None = None
    threads: int = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate that was written. added: names of the new pictures in it. files: their files.
    removed: names of good pictures that are no longer in it. left_out: names of pictures that were
    not added, and why. notes: what differs from a fit."""

    result: EngineResult
    added: tuple[str, ...]
    files: tuple[Path, ...]
    removed: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def refit_engine(
    engine: Path,
    pictures: Sequence[Path],
    progress: Progress,
    *,
    missed: Sequence[Path] = (),
    options: RefitOptions = RefitOptions(),
) -> Candidate:
    """Writes the candidate NAME.candidate.onnx, its fit record and its good pictures.

    engine: with its fit record. pictures: files of good product. Those that the engine was fitted
    on are recognised; they are needed only if they are not stored beside the engine. missed: files
    of defects that the engine passed. They are never fitted, and removed if they were.

    Raises ConfigError if the engine cannot be refitted, SpecError without a fit record, and
    DataError for a picture that cannot be used, and if nothing changes. See fit_engine for others.
    """
    complete_change(engine)
    spec, content = read_checked(engine)
    if CONVERTED_FROM in spec.parameters:
        raise ConfigError(
            f"{engine} was converted to {spec.precision}: refit the engine that it was made from, "
            "then convert that again"
        )
    record = read_fit_record(fit_record_path(engine), spec)
    fit_options = recall_options(spec, record, options)
    chosen = choose_pictures(
        engine, spec, record, pictures, missed, keep_similar=options.keep_similar
    )
    scheme = fit_options.scheme.without(chosen.removed)
    fit_options = dataclasses.replace(fit_options, scheme=scheme)
    made_from = {
        "engine_sha256": hashlib.sha256(content).hexdigest(),
        "added": list(chosen.added),
        "removed": list(chosen.removed),
    }
    out = candidate_path(engine)
    result = fit_engine(chosen.normals, fit_options, out, progress, made_from={REFIT: made_from})
    notes = _notes(spec, fit_options, options)
    return Candidate(result, chosen.added, chosen.files, chosen.removed, chosen.left_out, notes)


def recall_options(spec: EngineSpec, record: FitRecord, options: RefitOptions) -> FitOptions:
    """The options that the engine was fitted with. Raises ConfigError if it cannot be refitted."""
    features, roles = record.features, [picture.role for picture in record.pictures]
    method = make_method(features.method, features.method_options)
    if FITTED not in roles:
        raise ConfigError(
            f"engine {spec.name} was imported, so its pictures are not known: fit an engine instead"
        )
    if spec.foreground is not None:
        raise ConfigError(
            f"engine {spec.name} judges a foreground that was learned from its pictures: fit it "
            "again with all of them"
        )
    rule = _rule(spec, record)
    if rule.needs_anomalous:
        raise ConfigError(
            f"the thresholds of engine {spec.name} were chosen from pictures of defects: fit it "
            "again, or choose others with `line-inspector threshold --refit`"
        )
    augmented = "augmented" in spec.trained_on or len(roles) > MOST_PICTURES
    return FitOptions(
        name=spec.name,
        method=method,
        backbone=_find_backbone(record, options.backbone),
        sigma=record.sigma,
        top_fraction=record.top_fraction,
        rule=rule,
        scheme=_scheme(record),
        roi=spec.roi,
        seed=record.seed,
        threads=options.threads,
        suspects=suspects_policy(spec, new=False),
        simulated=SIMULATED if options.full else 0,
        checked=PICTURES if options.full else FEW_CHECKED,
        augment=AUTO if augmented else NONE,
        selection=spec.selection,
        teachable=True,
        lines=LINES in spec.parameters,
    )


def _rule(spec: EngineSpec, record: FitRecord) -> Rule:
    """That of the engine, with its rate; that of its fit if a person set the thresholds."""
    now = spec.threshold_rule
    if now.rule in RULES:
        return Rule(now.rule, now.parameters)
    return Rule(record.rule, record.rule_parameters)


def _find_backbone(record: FitRecord, named: Path | None) -> Path | None:
    features = record.features
    method = make_method(features.method, features.method_options)
    if method.default_backbone is None:
        return None
    path = method.find_backbone(str(named) if named else features.backbone)
    sha256 = features.backbone_sha256
    if path is not None and sha256 and describe(path).sha256 != sha256:
        raise ConfigError(
            f"{path} is not the backbone {features.backbone} that the engine was fitted with: "
            "name the file with --backbone"
        )
    return path


def _scheme(record: FitRecord) -> Scheme:
    if record.scheme == HELD_OUT_SCHEME:
        names = (picture.name for picture in record.pictures if picture.role == HELD_OUT)
        return Scheme(held_out=tuple(names))
    scored = sum(picture.score is not None for picture in record.pictures)
    usual = record.scheme != K_FOLD or record.folds == usual_folds(scored)
    return Scheme() if usual else Scheme(folds=record.folds)


def _notes(spec: EngineSpec, fit_options: FitOptions, options: RefitOptions) -> tuple[str, ...]:
    notes = []
    if spec.threshold_rule.rule not in RULES:
        notes.append(
            f"the thresholds of the engine were {spec.threshold_rule.rule}; those of the candidate "
            f"were chosen by the rule {fit_options.rule.name}"
        )
    if not options.full:
        notes.append(
            f"{fit_options.checked} pictures checked the candidate and no defects were simulated; "
            "--full does both as a fit does"
        )
    return tuple(notes)
