"""Contains `learning.fit`."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from learning.api.arguments import ignore, read_roi

if TYPE_CHECKING:
    from engines.spec import Roi
    from learning.anomalous import AnomalousPictures, ReadAnomalous
    from learning.job import EngineResult, Progress
    from learning.normals import Normals, Size
    from learning.reading import NormalPictures
    from learning.selection.choosing import Choice, ReadNormals
    from learning.thresholds.folds import Scheme
    from learning.thresholds.rules import Rule


def fit(
    pictures: "NormalPictures",
    method: str = "auto",
    out: str | Path = "engine.onnx",
    *,
    channels: str = "bgr",
    ordered: bool = False,
    size: "Size | None" = None,
    max_pictures: int = 200,
    keep_similar: bool = False,
    bit_depth: int | None = None,
    max_pixels: int | None = None,
    name: str | None = None,
    backbone: str | Path | None = None,
    sigma: float = 4.0,
    top_fraction: float | None = None,
    rule: "Rule | None" = None,
    scheme: "Scheme | None" = None,
    anomalous: "str | Path | Sequence[str | Path]" = (),
    roi: "Roi | str | Path | None" = None,
    foreground: "str | Path | None" = None,
    seed: int = 0,
    threads: int = 0,
    suspects: str = "ask",
    budget_s: float | None = None,
    read_again: "ReadNormals | None" = None,
    augment: str = "auto",
    teachable: bool = False,
    lines: bool = False,
    progress: "Progress | None" = None,
    **options: Any,
) -> "EngineResult":
    """Fits an engine from pictures of good product and writes its file.

    Parameters
    ----------
    pictures: a folder (or a data set's class folder with train/good), picture files, uint8 arrays
        (height, width, 3) or grey (height, width), or Normals.
    method: one of learning.methods.registry.fitted_methods().
    out: the engine file, ending in .onnx.
    channels: "bgr" (OpenCV) or "rgb" (Pillow, matplotlib), of arrays.
    ordered: whether arrays are successive frames of one stream. Neighbouring frames are nearly the
        same, so thresholds are then chosen in blocks.
    size: (height, width) of the engine's input, or its short side; None is a short side of 256 px.
    max_pictures: if there are more, evenly spread ones are used.
    keep_similar: use all pictures that differ by noise only, because they show different products.
        Otherwise they count as one picture. Equal pictures always count as one.
    bit_depth: bits that the camera used, for files with room for 16 (8, 10, 12, 14 or 16); None: as
        the files say.
    max_pixels: larger picture files are refused before they are decoded; None is 134 million.
    name: of the engine; None is the name of its file.
    backbone: name or ONNX file; None is the method's default.
    sigma: of the map's smoothing, in map pixels.
    top_fraction: share of the map whose mean is the image score; None is the method's default.
    rule, scheme: how the thresholds are chosen (learning.Rule, learning.Scheme).
    anomalous: folders of about ten pictures of real defects or more, that are in no test set. They
        choose the thresholds (rule "f1_max", or "cost") and, for "auto", the settings together
        with simulated defects.
    roi: region of interest, as an object or a YAML file.
    foreground: judge the product and not the background: "auto" learns the background from the
        border of the pictures; a picture or a folder of pictures of the empty scene; None judges
        everything.
    threads: 0 lets the runtime choose.
    suspects: whether good pictures that stand out belong to good product: "ask" (not known: they
        are fitted, and fail rather than raise the threshold), "keep" (yes) or "drop" (no: they are
        not used).
    budget_s: for "auto", seconds that trials may take; None is 80.
    read_again: for "auto" and Normals, a function that reads them for an input of another short
        side; None tries no finer input.
    augment: "auto" also fits altered copies of few pictures (learning.augmentation); "none" does
        not.
    teachable: also write the good pictures, at the engine's input size, to the folder NAME.pictures
        beside the engine, so that pictures can be added without the original files.
    lines: also find thin lines and small marks by their contrast, which the method may not see.
    progress: is called with step, pictures done since the last call, and their total.
    options: of the method, such as radius="all"; text is read as on the command line.

    Returns an EngineResult: path, spec, thresholds, suspects. Raises ConfigError for options that
    do not fit, DataError for pictures that cannot be used, and ParityError, leaving no file, if the
    engine does not compute what its method says.
    """
    from inspector.core.errors import ConfigError
    from inspector.core.reading import MAX_PIXELS, Reading
    from learning.anomalous import read_anomalous
    from learning.augmentation import check_augment
    from learning.backbones.zoo import resolve
    from learning.fitting import fit_engine
    from learning.foreground.finding import find_foreground
    from learning.job import FitOptions
    from learning.methods.registry import make_method, method_class
    from learning.normals import SPARE, check_max_pictures
    from learning.options import parse_options
    from learning.reading import read_normals
    from learning.selection.candidates import AUTO, DEFAULT
    from learning.selection.choosing import BUDGET_S, TrialOptions, choose_method
    from learning.thresholds.folds import Scheme
    from learning.thresholds.rules import default_rule

    path = _engine_path(out)
    reading = Reading(bit_depth, MAX_PIXELS if max_pixels is None else max_pixels)
    check_augment(augment)
    check_max_pictures(max_pictures)
    backbone = None if backbone is None else str(backbone)
    if method != AUTO:
        fitted = make_method(method, parse_options(method_class(method), options))
        fitted.find_backbone(backbone)
        if budget_s is not None:
            raise ConfigError(f"budget_s limits the trials of method {AUTO}: leave it out")
    else:
        if chosen := [*options, *(["top_fraction"] if top_fraction is not None else [])]:
            raise ConfigError(
                f"method {AUTO} chooses the options of a method: name the method, or leave out "
                f"{chosen[0]}"
            )
        if backbone is not None:
            resolve(backbone)
    scheme = scheme or Scheme()
    spare = SPARE if scheme == Scheme() else 0

    def read(short_side: "Size | None") -> "Normals":
        return read_normals(
            pictures,
            channels=channels,
            ordered=ordered,
            size=short_side,
            max_pictures=max_pictures,
            spare=spare,
            keep_similar=keep_similar,
            reading=reading,
        )

    normals, choice = read(size), None
    folders = [
        Path(each) for each in ([anomalous] if isinstance(anomalous, str | Path) else anomalous)
    ]
    read_real = partial(read_anomalous, folders, reading=reading) if folders else None
    if method == AUTO:
        if size is None and isinstance(pictures, str | Path):
            read_again = read
        trial_options = TrialOptions(
            backbone,
            read_roi(roi, normals.frame_hw),
            sigma,
            seed,
            threads,
            BUDGET_S if budget_s is None else budget_s,
            read_real,
        )
        choice = choose_method(normals, read_again, trial_options, progress or ignore)
        candidate = DEFAULT
        if choice is not None:
            normals, candidate = choice.normals, choice.trial.candidate
        top_fraction = candidate.top_fraction
        fitted = make_method(candidate.method, candidate.options)
    region, learned = read_roi(roi, normals.frame_hw), None
    if foreground is not None:
        before = normals.names
        learned, normals = find_foreground(normals, foreground, region, seed=seed, reading=reading)
        region = learned.roi
        scheme = scheme.without(set(before) - set(normals.names))
    fit_options = FitOptions(
        name=name or path.stem,
        method=fitted,
        backbone=fitted.find_backbone(backbone),
        sigma=sigma,
        top_fraction=top_fraction,
        rule=rule or default_rule(suspects, anomalous=bool(folders)),
        scheme=scheme,
        max_fitted=max_pictures if spare else None,
        selection=None if choice is None else choice.selection,
        anomalous=_read_real(choice, normals, read_real),
        roi=region,
        foreground=learned,
        seed=seed,
        threads=threads,
        suspects=suspects,
        augment=augment,
        teachable=teachable,
        lines=lines,
    )
    result = fit_engine(normals, fit_options, path, progress or ignore)
    return dataclasses.replace(result, choice=choice)


def _read_real(
    choice: "Choice | None", normals: "Normals", read_real: "ReadAnomalous | None"
) -> "AnomalousPictures | None":
    if read_real is None:
        return None
    return read_real(normals) if choice is None else choice.pictures.real


def _engine_path(out: str | Path) -> Path:
    from inspector.core.errors import ConfigError

    path = Path(out)
    if path.suffix.lower() != ".onnx":
        raise ConfigError(f"out must be a file that ends in .onnx, not {path}")
    return path
