"""The part of the page on the choice of settings that shows simulated defects and good pictures."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from evaluation.formats import count_of, percent, score
from evaluation.report.markup import TRUTH_RGB, Markup, element, join, section
from evaluation.report.panels import encode_panel
from inspector.core.arrays import Image, Mask
from inspector.core.picture_grid import join_rows
from learning.normals import spread
from learning.selection.choosing import Choice
from learning.simulation.plans import DefectPlan
from learning.simulation.simulate import CHANGED
from learning.thresholds.rules import robust, supported_rate

EXAMPLES: Final = 3
"""Found defects of a kind that are shown, and missed ones."""

HIGHEST: Final = 6
"""Good pictures that are shown."""

TILE_PX: Final = 180
"""Longer side of a tile."""

LEAST_WINDOW: Final = 96
"""Shorter side of the part of a picture that a tile shows, input px."""

OUTLINE_BGR: Final = tuple(bytes.fromhex(TRUTH_RGB)[::-1])


def simulated_defects(choice: Choice) -> Markup:
    """Per kind of simulated defect, what is found and missed at the default rate."""
    trial, plans = choice.trial, choice.pictures.plans
    limit = robust(trial.normal)
    rate = supported_rate(len(trial.normal), None)
    failed = trial.defect > limit
    kinds = np.array([plan.kind for plan in plans])
    parts = [
        _kind(choice, kind, np.flatnonzero(kinds == kind), failed)
        for kind in dict.fromkeys(sorted(kinds.tolist()))
    ]
    return section(
        "Simulated defects",
        element(
            "p",
            f"Found means a score above {score(limit)}. The rule robust chooses this threshold "
            "from the good pictures in the trial, for a rate of false alarms of "
            f"{percent(rate)}. Each pair shows a part of the good picture and the same part with "
            "the defect, which is outlined. Of the found defects, the smallest are shown. Of the "
            "missed defects, the largest are shown. Sizes are shares of the short side of the "
            "picture.",
        ),
        *parts,
    )


def _kind(choice: Choice, kind: str, rows: npt.NDArray[np.int64], failed: Mask) -> Markup:
    scores, plans = choice.trial.defect, choice.pictures.plans
    order = sorted(rows, key=lambda row: (plans[row].size, scores[row]))
    detected = [row for row in order if failed[row]]
    missed = [row for row in reversed(order) if not failed[row]]
    heading = element("h3", f"{kind}: {len(detected)} of {count_of(len(order), 'defect')} found")
    parts = [heading]
    for title, chosen in (("Found", detected), ("Missed", missed)):
        if chosen:
            figures = [_pair(choice, row) for row in chosen[:EXAMPLES]]
            parts.append(element("p", title, class_="note"))
            parts.append(element("div", *figures, class_="panels"))
    return join(*parts)


def _pair(choice: Choice, row: int) -> Markup:
    pictures, plan = choice.pictures, choice.pictures.plans[row]
    good, bad = pictures.pixels[plan.picture], pictures.defects[row]
    mask = (cv2.absdiff(good, bad) > CHANGED).any(axis=2)
    window = _window(mask)
    tiles = [_tile(good[window], None), _tile(bad[window], mask[window])]
    return _figure(_plan_text(plan, float(choice.trial.defect[row])), join_rows([tiles], gap=4))


def _plan_text(plan: DefectPlan, value: float) -> str:
    contrast = f", contrast {plan.contrast:g} of 255" if plan.contrast else ""
    return f"size {percent(plan.size)}{contrast}, score {score(value)}"


def _window(mask: Mask) -> tuple[slice, slice]:
    """The part of the picture around the defect, three times as large."""
    cells = np.argwhere(mask)
    low, high = cells.min(axis=0), cells.max(axis=0) + 1
    side = max(LEAST_WINDOW, 3 * int((high - low).max()))
    slices = []
    for start, end, length in zip(low, high, mask.shape, strict=True):
        first = int(np.clip((start + end - side) // 2, 0, max(length - side, 0)))
        slices.append(slice(first, min(first + side, length)))
    return slices[0], slices[1]


def _tile(pixels: Image, mask: Mask | None) -> Image:
    """BGR of the RGB pixels, enlarged or reduced to TILE_PX, with the outline of the mask."""
    scale = TILE_PX / max(pixels.shape[:2])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    tile = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=method)
    if mask is not None:
        size = (tile.shape[1], tile.shape[0])
        large = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        # The outline lies outside the defect, so that a thin one stays visible.
        around = cv2.dilate(large, np.ones((9, 9), np.uint8))
        outlines, _ = cv2.findContours(around, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        for colour, width in (((0, 0, 0), 3), (OUTLINE_BGR, 1)):
            cv2.drawContours(tile, outlines, -1, colour, width, cv2.LINE_AA)
    return np.asarray(tile, np.uint8)


def real_defects(choice: Choice) -> Markup | None:
    """The real defects with the lowest scores; None if there are none."""
    trial, pictures = choice.trial, choice.pictures.real
    if pictures is None or trial.real is None:
        return None
    limit, scores = robust(trial.normal), trial.real
    figures = [
        _figure(
            f"{pictures.names[row]}, score {score(float(scores[row]))}, "
            f"{'found' if scores[row] > limit else 'missed'}",
            _tile(pictures.pixels[row], None),
        )
        for row in np.argsort(scores, kind="stable")[:HIGHEST]
    ]
    reached = int(np.count_nonzero(scores > limit))
    return section(
        "Your defective pictures",
        element(
            "p",
            f"{reached} of {count_of(len(scores), 'picture')} found at the same threshold. Those "
            "with the lowest scores are shown. The settings were chosen with these pictures, so "
            "new defects may be found less often. The engine chooses its threshold from these "
            "pictures too, so it can have another one.",
        ),
        element("div", *figures, class_="panels"),
    )


def good_pictures(choice: Choice) -> Markup:
    trial, pictures = choice.trial, choice.pictures
    names = pictures.normals.names
    used = spread(len(names), len(pictures.pixels))
    limit = robust(trial.normal)
    figures = [
        _figure(
            f"{names[used[row]]}, score {score(float(trial.normal[row]))}"
            f"{', above the limit' if trial.normal[row] > limit else ''}",
            _tile(pictures.pixels[row], None),
        )
        for row in np.argsort(-trial.normal, kind="stable")[:HIGHEST]
    ]
    return section(
        "Good pictures with the highest scores",
        element(
            "p",
            "These pictures decide how low the threshold can be. If one of them shows a defect or "
            "another product, take it out and fit again.",
        ),
        element("div", *figures, class_="panels"),
    )


def _figure(caption: str, bgr: Image) -> Markup:
    panel = encode_panel(bgr, caption)
    width, height = panel.size
    image = element("img", src=panel.uri, width=width, height=height, alt=caption)
    return element("figure", image, element("figcaption", caption))
