"""The part of the page on the choice of settings that shows simulated defects and good pictures."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from evaluation.formats import count_of, percent, score
from evaluation.report.defect_tiles import draw_pair, draw_tile, tile_figure
from inspector.core.arrays import Mask
from inspector.report.markup import Markup, element, join, section
from learning.normals import spread
from learning.selection.choosing import Choice
from learning.simulation.plans import DefectPlan
from learning.simulation.simulate import CHANGED
from learning.thresholds.rules import robust, supported_rate

EXAMPLES: Final = 3
"""Found defects of a kind that are shown, and missed ones."""

HIGHEST: Final = 6
"""Good pictures that are shown."""


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
    return tile_figure(
        _plan_text(plan, float(choice.trial.defect[row])), draw_pair(good, bad, mask)
    )


def _plan_text(plan: DefectPlan, value: float) -> str:
    contrast = f", contrast {plan.contrast:g} of 255" if plan.contrast else ""
    return f"size {percent(plan.size)}{contrast}, score {score(value)}"


def real_defects(choice: Choice) -> Markup | None:
    """The real defects with the lowest scores; None if there are none."""
    trial, pictures = choice.trial, choice.pictures.real
    if pictures is None or trial.real is None:
        return None
    limit, scores = robust(trial.normal), trial.real
    figures = [
        tile_figure(
            f"{pictures.names[row]}, score {score(float(scores[row]))}, "
            f"{'found' if scores[row] > limit else 'missed'}",
            draw_tile(pictures.pixels[row]),
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
        tile_figure(
            f"{names[used[row]]}, score {score(float(trial.normal[row]))}"
            f"{', above the limit' if trial.normal[row] > limit else ''}",
            draw_tile(pictures.pixels[row]),
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
