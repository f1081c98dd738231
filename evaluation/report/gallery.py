"""The part of the report that shows pictures."""

from evaluation.report import panels as sheets
from evaluation.report import words
from evaluation.report.markup import Markup, element, joined
from evaluation.report.panels import Group, Panel, Viewer, groups, panels
from evaluation.results import ClassResult, PictureResult
from inspector.core.errors import DataError, FrameError


def gallery(result: ClassResult, view: Viewer) -> Markup:
    """At most sheets.MAX_SHEETS pictures, each of three panels."""
    shown = [_group(group, result, view) for group in groups(result)]
    return joined(_legend(result), *shown)


def _legend(result: ClassResult) -> Markup:
    low, high = result.engine.display_range
    ends = (element("span", words.score(low)), element("span", words.score(high)))
    told = (
        "Each row: the picture, its heatmap, and outlines. The colours are fixed to the engine's "
        "display range, in all pictures the same and the same as in its videos:"
    )
    bar = element("img", src=sheets.scale_bar(), alt="colour scale from low to high")
    outlines = element(
        "p",
        element("span", "", class_="key truth"),
        "mask of the data set",
        element("span", "", class_="key contour"),
        f"map at or above the pixel threshold {words.score(result.engine.pixel_threshold)}",
        class_="told",
    )
    scale = element("div", bar, element("div", *ends, class_="ends"), class_="scale")
    return joined(element("p", told, class_="told"), scale, outlines)


def _group(group: Group, result: ClassResult, view: Viewer) -> Markup:
    heading = element("h3", group.title)
    if not group.pictures:
        return joined(heading, element("p", group.none))
    told = element("p", group.told, class_="told")
    return joined(heading, told, *(_sheet(one, result, view) for one in group.pictures))


def _sheet(picture: PictureResult, result: ClassResult, view: Viewer) -> Markup:
    threshold = result.engine.image_threshold
    facts = (
        f"{picture.kind}: {picture.verdict}, score {words.against(picture.score, threshold)} "
        f"against threshold {words.score(threshold)}, peak {words.score(picture.peak)}"
    )
    if picture.has_mask:
        facts += f", {picture.regions_found} of {picture.regions} regions found"
    elif picture.defective:
        facts += ", no mask"
    head = (element("h4", picture.name), element("p", facts, class_="told"))
    try:
        drawn = panels(view(picture), result)
    except (DataError, FrameError) as exc:
        why = element("p", f"It cannot be shown: {exc}")
        return element("div", *head, why, class_="sheet")
    images = [_figure(picture.name, panel) for panel in drawn]
    return element("div", *head, element("div", *images, class_="panels"), class_="sheet")


def _figure(name: str, panel: Panel) -> Markup:
    width, height = panel.size
    alt = f"{name}: {panel.told}"
    image = element("img", src=panel.uri, width=width, height=height, alt=alt)
    return element("figure", image, element("figcaption", panel.told))
