"""Builds the pages of the report, one per class and an index of all classes, and writes them."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from evaluation import formats
from evaluation.conclusion import RULE, USEFUL
from evaluation.inference import open_engine_with
from evaluation.report import result_charts, tables, texts
from evaluation.report.gallery import Viewer, gallery
from evaluation.report.panels import EngineViewer
from evaluation.result_files import write_text
from evaluation.results import METRIC_NAMES, ClassResult, DatasetResult, MetricMean
from inspector.report.html_table import name_value_list, table
from inspector.report.markup import Child, Markup, document, element, join, section, signature
from learning.datasets.types import ClassData

REPORT: Final = "report.html"


def write_class_report(
    folder: Path, result: ClassResult, engine_path: Path, data: ClassData, *, with_index: bool
) -> None:
    """Writes report.html of a class. Runs the engine again on the pictures that it shows.

    with_index: whether to link to an index of all classes in the parent folder. Raises SinkError,
    and SpecError or EngineError if the engine fails.
    """
    settings = result.made_from.settings
    engine = open_engine_with(engine_path, settings)
    try:
        view = EngineViewer(engine, data.tests(), settings.mask_values, settings.reading)
        page = class_page(result, view, f"../{REPORT}" if with_index else None)
    finally:
        engine.close()
    write_text(folder / REPORT, page)


def write_dataset_report(folder: Path, result: DatasetResult) -> None:
    """Writes report.html, the index of all classes. Their reports are in folders of their names.
    Raises SinkError."""
    links = {each.name: f"{quote(os.fsencode(each.name))}/{REPORT}" for each in result.classes}
    write_text(folder / REPORT, index_page(result, links))


def class_page(result: ClassResult, view: Viewer, index: str | None = None) -> str:
    """index: relative link to the index of all classes."""
    title = f"{result.name}: evaluation of {result.engine.name}"
    back = None if index is None else element("p", element("a", "All classes", href=index))
    return document(
        title,
        back,
        element("h1", title),
        _conclusion(result),
        _subject(result),
        _sentence_box("warn", "Please note", result.warnings),
        section(
            "Verdicts at the threshold",
            _sentence_box("findings", "Findings", texts.findings(result)),
            tables.confusion(result),
            tables.rates(result),
        ),
        section("Metrics", tables.metrics(result)),
        section("Curves and scores", _charts(result)),
        _groups(result),
        section("Pictures", gallery(result, view)),
        _named_pictures(result),
        _latency(result),
        _method(result),
        _all_pictures(result),
        signature(),
    )


def _conclusion(result: ClassResult) -> Markup:
    class_ = "findings" if result.conclusion.status == USEFUL else "warn"
    sentence = element("strong", result.conclusion.sentence)
    return element("div", element("p", sentence), class_=class_)


def index_page(result: DatasetResult, links: Mapping[str, str]) -> str:
    """links: class -> relative link to its page, quoted already."""
    title = f"Evaluation of {formats.count_of(len(result.classes), 'class', 'classes')}"
    notes = tables.Footnotes()
    rows = [_index_row(each, links[each.name], notes) for each in result.classes]
    head = ("class", "false alarms", "misses", *texts.METRIC_TITLES.values())
    mean_row = ("mean", "", "", *(_mean_cell(mean, notes) for mean in result.means))
    metrics = table(head, [*rows, mean_row], class_="wide")
    conclusion_head = ("class", "conclusion", "engine", "image threshold", "evaluated")
    conclusions = table(conclusion_head, map(_conclusion_row, result.classes))
    body: list[Child] = [
        section("Conclusions", conclusions),
        section("Classes", metrics, notes.paragraphs()),
    ]
    if result.failures:
        failures = [(failure.name, failure.reason) for failure in result.failures]
        body.append(section("Not evaluated", table(("class", "reason"), failures)))
    if result.reused:
        names = ", ".join(result.reused)
        note = f"Reused from an earlier run with the same engine, pictures and settings: {names}."
        body.append(element("p", note, class_="note"))
    return document(title, element("h1", title), *body)


def _index_row(result: ClassResult, link: str, notes: tables.Footnotes) -> tuple[Child, ...]:
    return (
        element("a", result.name, href=link),
        texts.count_and_share(result.at_threshold.false_alarm_rate),
        texts.count_and_share(result.at_threshold.miss_rate),
        *(notes.metric(getattr(result.figures, name)) for name in METRIC_NAMES),
    )


def _conclusion_row(result: ClassResult) -> tuple[str, ...]:
    return (
        result.name,
        result.conclusion.sentence,
        result.engine.name,
        formats.score(result.engine.image_threshold),
        result.made_utc,
    )


def _mean_cell(mean: MetricMean, notes: tables.Footnotes) -> Markup:
    """The mean, with a note if some classes do not define the metric."""
    if mean.value is None:
        return element("span", "undefined in every class", class_="undefined")
    note = f"mean over the {mean.defined} of {mean.classes} classes that define it"
    reference = f" {notes.reference(note)}" if mean.defined < mean.classes else None
    return join(tables.number(mean.value), reference)


def _sentence_box(class_: str, title: str, sentences: Sequence[str]) -> Markup | None:
    if not sentences:
        return None
    items = element("ul", *(element("li", sentence) for sentence in sentences))
    return element("div", element("p", element("strong", title)), items, class_=class_)


def _subject(result: ClassResult) -> Markup:
    engine, data = result.engine, result.data
    frame, model_input, anomaly_map = (
        f"{width} x {height}" for height, width in (engine.frame_hw, engine.input_hw, engine.map_hw)
    )
    pictures = f"{data.good} good, {data.defective} defective ({data.masked} of them with masks)"
    return name_value_list(
        [
            ("Engine file", f"{engine.file}, {engine.megabytes:.1f} MB"),
            ("sha256", engine.sha256),
            ("Method", ", ".join((engine.method_text, *engine.layers))),
            ("Input", f"{model_input} px for pictures of {frame} px, map {anomaly_map}"),
            ("Data set", f"{data.folder} ({data.layout}), class {result.name}"),
            ("Test pictures", f"{pictures}, {data.errors} without a score"),
            ("Evaluated", f"{result.made_utc}, in {result.seconds:.1f} s"),
        ]
    )


def _charts(result: ClassResult) -> Markup:
    charts = (
        result_charts.score_histogram(result),
        *result_charts.curves(result),
        result_charts.pixel_histogram(result),
    )
    return element("div", *charts, class_="charts")


def _groups(result: ClassResult) -> Markup:
    parts: list[Child] = [
        element("p", "Each kind of defect is compared with all good pictures.", class_="note"),
        tables.kinds(result.kinds)
        if result.kinds
        else element("p", "There are no defective pictures."),
    ]
    if any(group.found.of for group in (*result.sizes, *result.places)):
        rules = (result.rules.regions, result.rules.sizes, result.rules.places)
        parts += [element("p", f"{rule[0].upper()}{rule[1:]}.", class_="note") for rule in rules]
        parts.append(tables.region_groups("size", result.sizes))
        parts.append(tables.region_groups("place", result.places))
    else:
        parts.append(element("p", "There are no defect regions to group by size and place."))
    charts = (
        result_charts.kind_bars(result.kinds),
        result_charts.region_bars("Regions found, by size", result.sizes),
        result_charts.region_bars("Regions found, by place", result.places),
    )
    return section("By kind, size and place", *parts, element("div", *charts, class_="charts"))


def _named_pictures(result: ClassResult) -> Markup:
    threshold = result.engine.image_threshold
    parts: list[Child] = []
    for title, pictures, empty in (
        ("False alarms", result.false_alarms, "There are no false alarms."),
        ("Misses", result.misses, "There are no misses."),
        ("Without a score (ERROR)", result.errors, "Every picture has a score."),
    ):
        rows = tables.pictures(pictures, threshold) if pictures else element("p", empty)
        parts += [element("h3", f"{title}: {len(pictures)}"), rows]
    problems = result.data.problems
    items = [element("li", problem) for problem in problems[: tables.MAX_ROWS]]
    parts += [
        element("h3", f"Problems of the data set: {len(problems)}"),
        element("ul", *items) if items else element("p", "There are no problems."),
        tables.omitted_rows(len(problems), "problem"),
    ]
    return section("Mistakes and problems by name", *parts)


def _latency(result: ClassResult) -> Markup:
    latency = result.latency
    pictures = formats.count_of(latency.pictures, "picture")
    pairs: list[tuple[str, Child]] = [
        ("Device", latency.running_on),
        ("Measured on", f"{pictures}, {latency.batch} at a time, without reading files"),
        ("Preprocessing, median", formats.milliseconds(latency.preprocess_p50_ms)),
        ("Inference, median", formats.milliseconds(latency.infer_p50_ms)),
        ("Both, median", formats.milliseconds(latency.total_p50_ms)),
        ("Both, 99th percentile", formats.milliseconds(latency.total_p99_ms)),
    ]
    return section("Latency of one picture", name_value_list(pairs))


def _method(result: ClassResult) -> Markup:
    engine, rules = result.engine, result.rules
    height, width = rules.resolution_hw
    settings = dataclasses.asdict(result.made_from.settings)
    pairs: list[tuple[str, Child]] = [
        ("Image threshold", repr(engine.image_threshold)),
        ("Pixel threshold", repr(engine.pixel_threshold)),
        ("Threshold rule", engine.threshold_rule),
        ("Conclusion", RULE),
        ("Origin of the thresholds", rules.thresholds),
        ("Test-selected metrics", rules.test_selected),
        ("Resolution", f"pixel metrics at map resolution, {width} x {height}"),
        ("Masks", rules.mask),
        ("Regions found", rules.regions),
        ("Inspected area", rules.inspected),
        ("AUPRO", texts.AUPRO_METHOD),
        ("Intervals", rules.intervals),
        ("Settings", "; ".join(f"{key}: {value}" for key, value in settings.items())),
        ("Memory of pixel metrics", f"at most {rules.memory_bytes / 1e6:.0f} MB"),
        ("Engine made", f"{engine.created_utc}, licence {engine.licence or 'not stated'}"),
        ("Trained on", "; ".join(f"{k}: {_value_text(v)}" for k, v in engine.trained_on.items())),
        ("sha256 of the picture list", result.made_from.pictures_sha256),
        ("Format", f"metrics.json format {result.format}"),
    ]
    return section("How it was measured", name_value_list(pairs))


def _value_text(value: object) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def _all_pictures(result: ClassResult) -> Markup:
    pictures = sorted(result.pictures, key=lambda picture: -(picture.score or 0.0))
    body = tables.pictures(pictures, result.engine.image_threshold)
    summary = element("summary", f"All {len(pictures)} pictures, highest score first")
    return section("All pictures", element("details", summary, body))
