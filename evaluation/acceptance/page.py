"""Writes the page of an acceptance test: what is found, of which size, and lines to sign."""

from collections.abc import Mapping

from evaluation import formats
from evaluation.acceptance.record import HASH_CLASS, content_hash
from evaluation.acceptance.results import Acceptance, KindAcceptance, SizeResult
from evaluation.acceptance.sentences import (
    conclusion,
    kind_sentence,
    rate_text,
    size_text,
)
from evaluation.acceptance.trials import Example, Examples
from evaluation.report.defect_tiles import tile_figure
from inspector.report.charts import Bar, Chart, bars
from inspector.report.html_table import name_value_list, table
from inspector.report.markup import Markup, document, element, join, section
from learning.metrics.intervals import clopper_pearson

LIMITS = (
    "The defects are drawn, not real. The sizes hold for drawn defects of this contrast, on this "
    "product, with these pictures as examples of it. Real defects can be fainter. The confidence "
    "of 95 % is that of each kind alone.",
    "Slip is the share of the defects that PASS, false rejection is the share of the good pictures "
    "that FAIL (terms of VDI/VDE/VDMA 2632-3). Intervals are exact (Clopper-Pearson, 95 %).",
    "Defects are drawn on good pictures that PASS, so a false alarm does not count as a find. "
    "An ERROR counts neither as found nor as slip.",
    "The content hash shows whether acceptance.json was changed after this page was printed. It "
    "does not show who made it.",
)

HEAD = ("size", "drawn", "found", "ERROR", "slip", "counts for a90/95")


def acceptance_page(result: Acceptance, examples: Examples) -> str:
    """The whole page; it loads nothing from elsewhere."""
    title = f"{result.engine.name}: acceptance test"
    warnings = element("ul", *(element("li", text) for text in result.warnings), class_="warn")
    return document(
        title,
        element("h1", title),
        element("ul", *(element("li", text) for text in conclusion(result)), class_="findings"),
        warnings if result.warnings else None,
        section("Smallest reliable size (a90/95)", _overview(result)),
        *(_kind(kind, result.design.unit, examples) for kind in result.kinds),
        section("What this shows", *(element("p", text) for text in LIMITS)),
        section("What was tested", _subject(result)),
        section("Good pictures", _good_pictures(result)),
        _signature(result),
    )


def _overview(result: Acceptance) -> Markup:
    unit = result.design.unit
    rows = [
        (
            kind.kind,
            size_text(kind, unit),
            "-" if kind.a90_95.size is None else kind.a90_95.method,
            kind.a90_95.reason,
            _length(kind.smallest_found, unit),
            _length(kind.largest_missed, unit),
        )
        for kind in result.kinds
    ]
    head = ("kind", "a90/95", "method", "why", "smallest found", "largest missed")
    return table(head, rows)


def _length(size: float | None, unit: str) -> str:
    return "-" if size is None else f"{size:g} {unit}"


def _kind(kind: KindAcceptance, unit: str, examples: Examples) -> Markup:
    rows = [_row(each, unit) for each in kind.sizes]
    pictures = [
        _example("smallest found", examples.smallest, kind.kind, unit),
        _example("largest missed", examples.largest, kind.kind, unit),
    ]
    return section(
        kind.kind,
        element("p", kind_sentence(kind, unit)),
        element("div", _bars(kind, unit), table(HEAD, rows), class_="charts"),
        element("div", *pictures, class_="panels"),
    )


def _row(result: SizeResult, unit: str) -> tuple[str, ...]:
    return (
        f"{result.size:g} {unit}",
        str(result.drawn),
        str(result.detected),
        str(result.errors),
        rate_text(result.slip),
        "yes" if result.used else "no: it fits on too few pictures",
    )


def _bars(kind: KindAcceptance, unit: str) -> Markup:
    rows = []
    for each in kind.sizes:
        share = each.detected / each.drawn if each.drawn else None
        interval = clopper_pearson(each.detected, each.drawn) if each.drawn else None
        text = f"{each.detected} of {each.drawn}"
        rows.append(Bar(f"{each.size:g} {unit}", share, interval, text))
    description = "; ".join(f"{row.label}: {row.text}" for row in rows)
    return bars(Chart("Share found by size, 95 % intervals", description, "share found"), rows)


def _example(title: str, examples: Mapping[str, Example], kind: str, unit: str) -> Markup | None:
    if kind not in examples:
        return None
    trial, pair = examples[kind].trial, examples[kind].pair
    score = formats.score(trial.score)
    caption = f"{title}: {trial.size:g} {unit}, {trial.verdict}, score {score}, {trial.picture}"
    return tile_figure(caption, pair)


def _subject(result: Acceptance) -> Markup:
    engine, design, calibration = result.engine, result.design, result.calibration
    scale = "none: sizes are pixels of a frame"
    if calibration is not None:
        scale = f"{calibration.file}, {calibration.how}, SHA-256 {calibration.sha256}"
    thresholds = f"image {formats.score(engine.image_threshold)}, {engine.threshold_rule}"
    return name_value_list(
        (
            ("engine", f"{engine.file}, {engine.method}, input {_wxh(engine.input_hw)}"),
            ("SHA-256 of the engine", engine.sha256),
            ("threshold", thresholds),
            ("runtime", engine.running_on),
            ("good pictures", result.folder),
            ("SHA-256 of the data", result.data_sha256),
            ("SHA-256 of trials.csv", result.trials_sha256),
            ("calibration", scale),
            ("contrast", f"{design.contrast:g} of 255 grey levels; more on a rough surface"),
            ("seed", str(design.seed)),
            ("made", f"{result.made_utc} by {result.program}"),
        )
    )


def _wxh(hw: tuple[int, int]) -> str:
    return f"{hw[1]}x{hw[0]}"


def _good_pictures(result: Acceptance) -> Markup:
    threshold = result.engine.image_threshold
    rows = [
        (p.name, p.verdict, formats.score_beside(p.score, threshold), p.error)
        for p in result.pictures
    ]
    all_rows = table(("picture", "verdict", "score", "reason"), rows)
    summary = element("summary", f"All {len(rows)} pictures that were judged")
    left_out = [(each.name, each.reason) for each in result.left_out]
    return join(
        element("details", summary, all_rows),
        table(("left out", "why"), left_out) if left_out else None,
    )


def _signature(result: Acceptance) -> Markup:
    digest = element("span", content_hash(result), class_=HASH_CLASS)
    lines = ("Name", "Date", "Signature")
    return join(
        section(
            "Signature",
            element("p", "Content hash (SHA-256 of acceptance.json): ", digest),
            element("p", "line-inspector accept --verify FOLDER --sha256 HASH checks it."),
        ),
        element("div", *(element("span", line) for line in lines), class_="sign"),
    )
