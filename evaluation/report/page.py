"""The page of one class."""

import dataclasses
from typing import Final

from evaluation.report import result_charts, tables, words
from evaluation.report.gallery import gallery
from evaluation.report.markup import Child, Markup, element, joined
from evaluation.report.panels import Viewer
from evaluation.report.style import CSS
from evaluation.report.texts import sentences
from evaluation.results import ClassResult

_AUPRO: Final = (
    "connected defect regions (8 neighbours), every score is a threshold, false-positive rate over "
    "all good pixels, cut at 0.3 with interpolation, divided by 0.3"
)


def class_page(result: ClassResult, view: Viewer, index: str | None = None) -> str:
    """index: relative address of the page of all classes."""
    title = f"{result.name}: evaluation of {result.engine.name}"
    back = None if index is None else element("p", element("a", "All classes", href=index))
    return document(
        title,
        back,
        element("h1", title),
        _head(result),
        _listed("warn", "Mind this", result.warnings),
        _verdict(result),
        section("Figures", tables.figures(result)),
        section("Curves and scores", _charts(result)),
        _groups(result),
        section("Pictures", gallery(result, view)),
        _by_name(result),
        _latency(result),
        _how(result),
        _all(result),
        _sign(),
    )


def document(title: str, *body: Child) -> str:
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Markup(CSS)),
    )
    page = element("html", head, element("body", *body), lang="en")
    return f"<!DOCTYPE html>\n{page}\n"


def section(title: str, *parts: Child) -> Markup:
    return element("section", element("h2", title), *parts)


def _listed(class_: str, title: str, said: tuple[str, ...] | list[str]) -> Markup | None:
    if not said:
        return None
    items = element("ul", *(element("li", sentence) for sentence in said))
    return element("div", element("p", element("strong", title)), items, class_=class_)


def _head(result: ClassResult) -> Markup:
    engine, data = result.engine, result.data
    counted = f"{data.good} good, {data.defective} defective ({data.masked} of them with masks)"
    return tables.facts(
        [
            ("Engine file", f"{engine.file}, {engine.megabytes:.1f} MB"),
            ("sha256", engine.sha256),
            ("Method", f"{engine.method} on {engine.backbone}, layers {', '.join(engine.layers)}"),
            ("Input", _sizes(result)),
            ("Data set", f"{data.folder} ({data.layout}), class {result.name}"),
            ("Test pictures", f"{counted}, {data.errors} not judged"),
            ("Evaluated", f"{result.made_utc}, in {result.seconds:.1f} s"),
        ]
    )


def _sizes(result: ClassResult) -> str:
    engine = result.engine
    frame, given, mapped = (
        f"{width} x {height}" for height, width in (engine.frame_hw, engine.input_hw, engine.map_hw)
    )
    return f"{given} px for pictures of {frame} px, map {mapped}"


def _verdict(result: ClassResult) -> Markup:
    said = _listed("says", "What this says", sentences(result))
    return section(
        "Verdicts at the threshold", said, tables.confusion(result), tables.rates(result)
    )


def _charts(result: ClassResult) -> Markup:
    drawn = [result_charts.score_histogram(result), *result_charts.curves(result)]
    return element("div", *drawn, result_charts.pixel_histogram(result), class_="charts")


def _groups(result: ClassResult) -> Markup:
    charts = (
        result_charts.kind_bars(result.kinds),
        result_charts.region_bars("Regions found, by size", result.sizes),
        result_charts.region_bars("Regions found, by place", result.places),
    )
    none = element("p", "There are no defective pictures.")
    parts: list[Child] = [tables.kinds(result.kinds) if result.kinds else none]
    if not any(group.found.of for group in (*result.sizes, *result.places)):
        parts.append(element("p", "No defect region was evaluated by size and place."))
    else:
        parts += [element("p", result.rules.sizes, class_="note")]
        parts += [element("p", result.rules.places, class_="note")]
        parts += [tables.groups("size", result.sizes), tables.groups("place", result.places)]
    told = "Each kind of defect is set against all good pictures."
    parts.insert(0, element("p", told, class_="told"))
    return section("By kind, size and place", *parts, element("div", *charts, class_="charts"))


def _by_name(result: ClassResult) -> Markup:
    threshold = result.engine.image_threshold
    parts: list[Child] = []
    for title, listed, none in (
        ("False alarms", result.false_alarms, "There are no false alarms."),
        ("Misses", result.misses, "There are no misses."),
        ("Not judged (ERROR)", result.errors, "Every picture was judged."),
    ):
        shown = tables.pictures(listed, threshold) if listed else element("p", none)
        parts += [element("h3", f"{title}: {len(listed)}"), shown]
    problems = result.data.problems
    parts.append(element("h3", f"Problems of the data: {len(problems)}"))
    items = [element("li", problem) for problem in problems[: tables.MOST_ROWS]]
    parts.append(element("ul", *items) if items else element("p", "None was found."))
    parts.append(tables.cut(len(problems), "problem"))
    return section("By name", *parts)


def _latency(result: ClassResult) -> Markup:
    one = result.latency
    times = [
        ("Picture to input, median", words.milliseconds(one.preprocess_p50_ms)),
        ("Engine, median", words.milliseconds(one.infer_p50_ms)),
        ("Both, median", words.milliseconds(one.total_p50_ms)),
        ("Both, 99th percentile", words.milliseconds(one.total_p99_ms)),
    ]
    how = f"{one.pictures} pictures, {one.batch} at a time; reading files is not counted"
    pairs = [("Run on", one.running_on), ("Measured over", how), *times]
    return section("Latency of one picture", tables.facts(pairs))


def _how(result: ClassResult) -> Markup:
    engine = result.engine
    thresholds: list[tuple[str, Child]] = [
        ("Image threshold", repr(engine.image_threshold)),
        ("Pixel threshold", repr(engine.pixel_threshold)),
        ("How they were chosen", engine.threshold_rule),
        ("At the thresholds", result.rules.thresholds),
        ("Test-selected figures", result.rules.test_selected),
    ]
    return section(
        "How it was measured", tables.facts([*thresholds, *_rules(result), *_origin(result)])
    )


def _rules(result: ClassResult) -> list[tuple[str, Child]]:
    rules, settings = result.rules, result.made_from.settings
    height, width = rules.resolution_hw
    return [
        ("Resolution", f"pixel figures on the map's grid, {width} x {height}"),
        ("Masks", rules.mask),
        ("Inspected", rules.inspected),
        ("AUPRO", _AUPRO),
        ("Intervals", rules.intervals),
        ("Settings", "; ".join(f"{k}: {v}" for k, v in dataclasses.asdict(settings).items())),
        ("Memory of pixel figures", f"at most {rules.memory_bytes / 1e6:.0f} MB"),
    ]


def _origin(result: ClassResult) -> list[tuple[str, Child]]:
    engine = result.engine
    trained = "; ".join(f"{key}: {_listed_in(value)}" for key, value in engine.trained_on.items())
    return [
        ("Engine made", f"{engine.created_utc}, licence {engine.licence or 'not stated'}"),
        ("Trained on", trained),
        ("sha256 of the picture list", result.made_from.pictures_sha256),
        ("Format", f"metrics.json format {result.format}"),
    ]


def _listed_in(value: object) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def _all(result: ClassResult) -> Markup:
    listed = sorted(result.pictures, key=lambda one: -(one.score or 0.0))
    body = tables.pictures(listed, result.engine.image_threshold)
    summary = element("summary", f"All {len(listed)} pictures, highest score first")
    return section("All pictures", element("details", summary, body))


def _sign() -> Markup:
    lines = ("Checked by", "Date", "Decision")
    return joined(element("div", *(element("span", line) for line in lines), class_="sign"))
