"""The part of the report that shows pictures: chooses them and arranges their panels."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from evaluation import formats
from evaluation.report import texts
from evaluation.report.panels import Panel, PictureView, colour_range, colour_scale, draw_panels
from evaluation.results import ClassResult, PictureResult
from inspector.core.errors import DataError, FrameError
from inspector.render.colormap import scale_position
from inspector.report.markup import Markup, element, join

MAX_MISTAKES: Final = 8
"""Misses in the gallery, and false alarms."""

MAX_PICTURES: Final = 2 * MAX_MISTAKES + 8

Viewer = Callable[[PictureResult], PictureView]
"""Makes the view of a picture. Raises FrameError or DataError if it cannot."""


@dataclass(frozen=True, slots=True)
class Group:
    """Pictures below one heading. empty: the sentence for a group without pictures."""

    title: str
    description: str
    pictures: tuple[PictureResult, ...]
    empty: str


def gallery(result: ClassResult, view: Viewer) -> Markup:
    """At most MAX_PICTURES pictures with three panels each."""
    groups = [_group(group, result, view) for group in choose_pictures(result)]
    return join(_legend(result), *groups)


def choose_pictures(result: ClassResult) -> tuple[Group, ...]:
    """The worst pictures first; no picture twice."""
    scored = sorted(
        (p for p in result.pictures if p.score is not None), key=lambda p: (p.score or 0.0, p.name)
    )
    detected = [p for p in scored if p.defective and p.verdict == "FAIL"]
    passed = [p for p in scored if not p.defective and p.verdict == "PASS"]
    misses = Group(
        "Misses",
        "Defective pictures below the image threshold, lowest score first"
        f"{_shown_count(result.misses)}.",
        spread(result.misses),
        "No defective picture was missed.",
    )
    false_alarms = Group(
        "False alarms",
        "Good pictures at or above the image threshold, highest score first"
        f"{_shown_count(result.false_alarms)}.",
        spread(result.false_alarms),
        "No good picture has a false alarm.",
    )
    near_threshold = Group(
        "Nearest to the threshold",
        "The good pictures with the highest scores that pass, and the defective pictures with the "
        "lowest scores that are found.",
        (*reversed(passed[-2:]), *detected[:2]),
        "No picture has the right verdict.",
    )
    typical = Group(
        "Typical and clearest",
        "If not shown above: the good picture with the median score, and of the defective pictures "
        "that are found, the one with the median score and the two with the highest scores.",
        (*_median(passed[:-2]), *_median(detected[2:-2]), *detected[2:][-2:]),
        "There are no more pictures.",
    )
    return misses, false_alarms, near_threshold, typical


def _median(pictures: list[PictureResult]) -> list[PictureResult]:
    """The middle one of sorted pictures; empty for none."""
    middle = len(pictures) // 2
    return pictures[middle : middle + 1]


def _shown_count(pictures: tuple[PictureResult, ...]) -> str:
    cut = len(pictures) > MAX_MISTAKES
    if not cut:
        return ""
    return (
        f"; {MAX_MISTAKES} of {len(pictures)} are shown, spread over kinds, sizes, scores and names"
    )


def spread(pictures: tuple[PictureResult, ...]) -> tuple[PictureResult, ...]:
    """At most MAX_MISTAKES of the pictures in their order: the first, then always the picture that
    differs most from the chosen ones.

    Two pictures differ by 1 if their kinds differ, by 1 if their sizes differ, and by the distance
    of their ranks, 0 to 1: by score or by name, the smaller of the two. Neighbouring frames have
    neighbouring names, so they are not shown together.
    """
    if len(pictures) <= MAX_MISTAKES:
        return pictures
    by_name = sorted(range(len(pictures)), key=lambda index: pictures[index].name)
    name_rank = {index: rank for rank, index in enumerate(by_name)}

    def difference(a: int, b: int) -> float:
        ranks = min(abs(a - b), abs(name_rank[a] - name_rank[b]))
        first, second = pictures[a], pictures[b]
        groups = (first.kind != second.kind) + (first.size != second.size)
        return groups + ranks / (len(pictures) - 1)

    chosen = [0]
    nearest = [difference(0, index) for index in range(len(pictures))]
    while len(chosen) < MAX_MISTAKES:
        farthest = max(range(len(pictures)), key=nearest.__getitem__)
        chosen.append(farthest)
        nearest = [min(d, difference(farthest, index)) for index, d in enumerate(nearest)]
    return tuple(pictures[index] for index in sorted(chosen))


def _legend(result: ClassResult) -> Markup:
    low, high = display_range = colour_range(result)
    threshold = result.engine.pixel_threshold
    image = element("img", src=colour_scale(), alt="colour scale from low to high")
    position = 100 * scale_position(threshold, display_range)
    tick = element("div", class_="tick", style=f"left: {position:.1f}%")
    ends = (element("span", formats.score(low)), element("span", f"{formats.score(high)} and more"))
    outside = " (above the scale)" if threshold > high else ""
    name = element(
        "p", f"white line: pixel threshold {formats.score(threshold)}{outside}", class_="note"
    )
    outlines = element(
        "p",
        element("span", "", class_="key truth"),
        "around the mask of the data set",
        element("span", "", class_="key contour"),
        f"map at or above the pixel threshold {formats.score(threshold)}",
        class_="note",
    )
    bar = element("div", image, tick, class_="bar")
    scale = element("div", bar, element("div", *ends, class_="ends"), name, class_="scale")
    return join(element("p", texts.HEATMAP_LEGEND, class_="note"), scale, outlines)


def _group(group: Group, result: ClassResult, view: Viewer) -> Markup:
    heading = element("h3", group.title)
    if not group.pictures:
        return join(heading, element("p", group.empty))
    description = element("p", group.description, class_="note")
    return join(heading, description, *(_picture(p, result, view) for p in group.pictures))


def _picture(picture: PictureResult, result: ClassResult, view: Viewer) -> Markup:
    facts = texts.picture_facts(picture, result.engine.image_threshold)
    head = (element("h4", picture.name), element("p", facts, class_="note"))
    try:
        panels = draw_panels(view(picture), result)
    except (DataError, FrameError) as exc:
        reason = element("p", f"The picture cannot be shown: {exc}")
        return element("div", *head, reason, class_="sheet")
    images = [_panel(picture.name, panel) for panel in panels]
    return element("div", *head, element("div", *images, class_="panels"), class_="sheet")


def _panel(name: str, panel: Panel) -> Markup:
    width, height = panel.size
    alt = f"{name}: {panel.caption}"
    image = element("img", src=panel.uri, width=width, height=height, alt=alt)
    return element("figure", image, element("figcaption", panel.caption))
