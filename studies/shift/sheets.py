"""Chooses pictures that show what a shift does, and draws their heatmaps with each method."""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evaluation.formats import score_beside
from evaluation.inference import open_engine_with
from evaluation.provenance import Settings
from evaluation.report.panels import EngineViewer, Panel, draw_panels
from evaluation.result_files import METRICS, read_class
from inspector.report.markup import Markup, document, element, join, section
from learning.datasets.layouts import load
from learning.datasets.types import TEST
from studies.shift.analysis import DEGRADATION, Analysis
from studies.shift.cells import ADAPTED, PLAIN, SHIFTED, Cell, PictureScore
from studies.shift.method_names import folder_name
from studies.shift.picture_sets import CLEAN_CONDITION, Condition

PAGE: Final = "sheets.html"
MOST_PICTURES: Final = 4
"""Pictures of a class."""

MISSED, ADAPTED_FINDS = "missed by every method", "found only after adapting"
FALSE_ALARM, FOUND = "false alarm of every method", "FAIL with every method"

COLOURS: Final = (
    "The first two heatmaps are from the model of clean pictures and have the same colours. A "
    "white box surrounds a small mask and the part of the map above the pixel threshold."
)

STYLE: Final = """
p { margin: .8mm 0; }
th, td { padding: .1rem .2rem; }
.sheet h4 { font-size: 8.5pt; break-after: avoid; }
.sheet .note { break-after: avoid; }
.sheet { margin: 1.5mm 0; break-inside: auto; }
.panels { display: block; }
.panels figure { display: inline-block; width: 19.5%; vertical-align: top; }
.panels img { width: auto; max-width: 100%; height: auto; max-height: 29mm; }
.panels figcaption { font-size: 6.5pt; }
.charts { orphans: 1; widows: 1; }
"""
"""More rules for the report on paper."""

PANELS: Final = ("clean", "heatmap", "shifted", "heatmap", "heatmap, adapted")


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A method on a picture: what it says, and one panel for each of PANELS."""

    method: str
    text: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class SheetPicture:
    """reason: why the picture is shown."""

    name: str
    kind: str
    reason: str
    rows: tuple[SheetRow, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The pictures of a class, with the shift that costs the methods most on average."""

    class_name: str
    transform: str
    severity: str
    pictures: tuple[SheetPicture, ...]


def make_sheets(out: Path, analysis: Analysis, settings: Settings) -> tuple[Sheet, ...]:
    """A sheet for each class. Runs the engines of the study again, whose folder is `out`. Raises
    DataError if a picture or a result is missing, SpecError or EngineError if an engine fails."""
    return tuple(
        _make_sheet(out, analysis, cells, settings)
        for cells in worst_shifts(analysis)
        if _choose(analysis, cells)
    )


def worst_shifts(analysis: Analysis) -> Iterator[tuple[Cell, ...]]:
    """For each class, the shifted cells of all methods with the largest sum of losses."""
    losses: dict[str, dict[tuple[str, str], float]] = {}
    for change in analysis.changes:
        if change.method not in analysis.methods:
            continue
        if (change.comparison, change.metric) == (DEGRADATION, "image_auroc"):
            shifts = losses.setdefault(change.class_name, {})
            shift = (change.transform, change.severity)
            shifts[shift] = shifts.get(shift, 0.0) + (change.value or 0.0)
    for name, shifts in losses.items():
        place = (name, SHIFTED, *min(shifts, key=lambda shift: shifts[shift]))
        yield tuple(
            cell
            for cell in analysis.cells
            if (cell.key.class_name, cell.key.phase, cell.key.transform, cell.key.severity) == place
            and cell.key.method in analysis.methods
        )


def _choose(analysis: Analysis, cells: Sequence[Cell]) -> list[tuple[PictureScore, str]]:
    """At most MOST_PICTURES pictures and why they are shown; different reasons come first."""
    fails = [_fails(analysis, cell) for cell in cells]
    adapted = [_fails(analysis, analysis.find(ADAPTED, cell)) for cell in cells]
    groups: dict[str, list[PictureScore]] = {
        reason: [] for reason in (MISSED, ADAPTED_FINDS, FALSE_ALARM, FOUND)
    }
    for picture in cells[0].pictures:
        failed = [picture.name in names for names in fails]
        if picture.defective:
            if all(failed):
                groups[FOUND].append(picture)
            elif all(picture.name in names for names in adapted):
                groups[ADAPTED_FINDS].append(picture)
            elif not any(failed):
                groups[MISSED].append(picture)
        elif all(failed):
            groups[FALSE_ALARM].append(picture)
    chosen = []
    for number in range(MOST_PICTURES):
        for reason, pictures in groups.items():
            chosen += [(picture, reason) for picture in pictures[number : number + 1]]
    return chosen[:MOST_PICTURES]


def _fails(analysis: Analysis, cell: Cell | None) -> set[str]:
    threshold = None if cell is None else analysis.verdicts(cell).threshold
    if cell is None or threshold is None:
        return set()
    return {picture.name for picture in cell.pictures if picture.score > threshold}


def _make_sheet(out: Path, analysis: Analysis, cells: Sequence[Cell], settings: Settings) -> Sheet:
    chosen = _choose(analysis, cells)
    names = [picture.name for picture, _ in chosen]
    rows = [_method_rows(out, analysis, cell, names, settings) for cell in cells]
    pictures = tuple(
        SheetPicture(picture.name, picture.kind, reason, tuple(each[k] for each in rows))
        for k, (picture, reason) in enumerate(chosen)
    )
    key = cells[0].key
    return Sheet(key.class_name, key.transform, key.severity, pictures)


def _method_rows(
    out: Path, analysis: Analysis, cell: Cell, names: Sequence[str], settings: Settings
) -> list[SheetRow]:
    """A row for each picture."""
    shift = Condition(cell.key.transform, cell.key.severity)
    views = (
        (analysis.find(PLAIN, cell, clean=True), CLEAN_CONDITION, CLEAN_CONDITION),
        (cell, CLEAN_CONDITION, shift),
        (analysis.find(ADAPTED, cell), shift, shift),
    )
    texts: list[list[str]] = [[] for _ in names]
    panels: list[list[Panel]] = [[] for _ in names]
    for shown, fitted, tested in views:
        if shown is None:
            continue
        drawn = _draw(out, cell, names, (fitted, tested), settings)
        for k, (picture, heat) in enumerate(drawn):
            # The shifted picture is the same for both models.
            panels[k] += [heat] if shown.key.phase == ADAPTED else [picture, heat]
            texts[k].append(_verdict(analysis, shown, names[k]))
    return [
        SheetRow(cell.key.method, "; ".join(text), tuple(drawn))
        for text, drawn in zip(texts, panels, strict=True)
    ]


def _verdict(analysis: Analysis, cell: Cell, name: str) -> str:
    """Such as "shifted: PASS, score 1.2, threshold 1.4"."""
    threshold = analysis.verdicts(cell).threshold
    score = next((p.score for p in cell.pictures if p.name == name), None)
    if threshold is None or score is None:
        return f"{cell.key.phase}: no verdict"
    verdict = "FAIL" if score > threshold else "PASS"
    text = score_beside(score, threshold)
    return f"{cell.key.phase}: {verdict}, score {text}, threshold {score_beside(threshold, score)}"


def _draw(
    out: Path,
    cell: Cell,
    names: Sequence[str],
    conditions: tuple[Condition, Condition],
    settings: Settings,
) -> list[tuple[Panel, Panel]]:
    """The picture and its heatmap. conditions: of the pictures for fitting and for testing."""
    name, method = cell.key.class_name, folder_name(cell.key.method)
    fitted, tested = (condition.name for condition in conditions)
    place = Path(name) / method / fitted
    folder = out / "evaluations" / place
    result = read_class(folder / f"{name}-{tested}" / TEST / name / METRICS)
    results = {picture.name: picture for picture in result.pictures}
    # The heatmaps of a model have the colours of its shifted pictures, also for clean ones.
    shifted = Condition(cell.key.transform, cell.key.severity).name
    if tested != shifted:
        strongest = read_class(folder / f"{name}-{shifted}" / TEST / name / METRICS)
        result = dataclasses.replace(result, pictures=strongest.pictures)
    (data,) = load(out / "pictures" / tested / name, "mvtec")
    engine = open_engine_with(out / "engines" / place.with_suffix(".onnx"), settings)
    with contextlib.closing(engine):
        view = EngineViewer(engine, data.samples, settings.mask_values)
        drawn = (draw_panels(view(results[each]), result) for each in names)
        return [(picture, heatmap) for picture, heatmap, _ in drawn]


def sheet_page(sheets: Sequence[Sheet]) -> str:
    title = "Heatmaps of the domain shift study"
    note = element("p", COLOURS, class_="note")
    return document(title, element("h1", title), note, *(sheet_section(each) for each in sheets))


def sheet_section(sheet: Sheet) -> Markup:
    return section(sheet.class_name, *(sheet_picture(sheet, each) for each in sheet.pictures))


def sheet_picture(sheet: Sheet, picture: SheetPicture) -> Markup:
    """A row of panels for each method."""
    shift = f"{sheet.class_name} with {sheet.transform}, {sheet.severity}"
    head = element("h4", f"{shift}: {picture.name}, {picture.reason}")
    rows = []
    for row in picture.rows:
        labels = PANELS[: len(row.panels)]
        figures = (
            panel_figure(picture.name, *pair) for pair in zip(row.panels, labels, strict=True)
        )
        text = element("p", f"{row.method}: {row.text}", class_="note")
        rows.append(join(text, element("div", *figures, class_="panels")))
    return element("div", head, *rows, class_="sheet")


def panel_figure(name: str, panel: Panel, caption: str) -> Markup:
    width, height = panel.size
    image = element("img", src=panel.uri, width=width, height=height, alt=f"{name}: {caption}")
    return element("figure", image, element("figcaption", caption))
