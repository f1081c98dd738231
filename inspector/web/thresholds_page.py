"""The page with the thresholds: the last scores, and what a new threshold would change."""

from collections.abc import Sequence
from typing import Final

from inspector.report.charts import Chart, Layer, Mark, histograms
from inspector.report.markup import Child, Markup, element, join
from inspector.service.line_state import SourceState
from inspector.store.history import ScoredFrame
from inspector.web.figures import engine_name
from inspector.web.layout import (
    LOCKED_NOTE,
    Visitor,
    address,
    button,
    facts,
    field,
    hidden_fields,
    note,
    number,
    request_form,
    verdict_badge,
    who_field,
    why_field,
)
from inspector.web.what_if import WhatIf, apply_threshold, count_by_score

LAST: Final = 1000
"""Frames to which a new threshold is applied."""

BINS: Final = 30
MOST_LISTED: Final = 60

RULE_TEXTS: Final = {
    "score": (
        "The rule is score: a frame FAILs if its score reaches the image threshold. So the "
        "verdicts below are exact. The pixel threshold only changes outlines and sizes, no verdict."
    ),
    "defects": (
        "The rule is defects: sizes decide, and the image threshold changes no verdict. A new "
        "pixel threshold changes the sizes, and what it would change cannot be computed from the "
        "log. Use `line-inspector replay` with saved originals."
    ),
    "either": (
        "The rule is either: a frame FAILs by its score or by the size of a defect. Frames that "
        "would newly FAIL are exact. A frame that FAILs by its score now may still FAIL by its "
        "sizes; the log does not tell, so these frames are listed as not known."
    ),
}


def threshold_parts(
    source: SourceState,
    sources: Sequence[SourceState],
    frames: Sequence[ScoredFrame],
    visitor: Visitor,
    *,
    new_image: float | None,
    new_pixel: float | None,
    locked: bool,
    recipe: str | None = None,
) -> list[Child]:
    """frames: the last ones of the source, in any order. new_image, new_pixel: the thresholds that
    are tried; None for the current ones."""
    changed = new_image is not None or new_pixel is not None
    back = address("/thresholds", source=source.name)
    return [
        _choose_source(source, sources),
        facts(
            (
                ("Image threshold", number(source.image_threshold, 6)),
                ("Pixel threshold", number(source.pixel_threshold, 6)),
                ("Engine", engine_name(source)),
            )
        ),
        *(
            element("p", RULE_TEXTS[rule])
            for rule in sorted({f.rule for f in frames if f.rule in RULE_TEXTS})
        ),
        _histogram(source, frames, new_image),
        note(LOCKED_NOTE) if locked else None,
        element("h2", "Try a new threshold"),
        note("This changes nothing yet. It shows what would change."),
        _try_form(source, new_image, new_pixel, locked=locked),
        _what_if(source.name, frames, new_image) if new_image is not None else None,
        element("p", "What a new pixel threshold changes cannot be computed from the log.")
        if new_pixel is not None
        else None,
        _save_form(source, visitor, new_image, new_pixel, back, recipe)
        if changed and not locked
        else None,
    ]


def _choose_source(source: SourceState, sources: Sequence[SourceState]) -> Markup | None:
    if len(sources) < 2:
        return None
    links = [
        element(
            "li",
            element(
                "a",
                other.name,
                href=address("/thresholds", source=other.name),
                aria_current="true" if other is source else None,
            ),
        )
        for other in sources
    ]
    return element("nav", element("ul", *links, class_="tabs"), aria_label="Cameras")


def _histogram(
    source: SourceState, frames: Sequence[ScoredFrame], new_image: float | None
) -> Markup:
    edges, passed, failed = count_by_score(frames, BINS)
    if not edges:
        return note("There are no scores yet.")
    threshold = source.image_threshold if new_image is None else new_image
    name = f"{'threshold' if new_image is None else 'new'} {number(threshold)}"
    chart = Chart(
        f"Scores of the last {len(frames)} frames",
        f"Scores from {number(edges[0])} to {number(edges[-1])}: {sum(passed)} frames with PASS, "
        f"{sum(failed)} with FAIL. The line is at {number(threshold)}.",
        "score",
        "frames",
    )
    layers = [
        Layer(f"PASS ({sum(passed)})", edges, passed, "good"),
        Layer(f"FAIL ({sum(failed)})", edges, failed, "defective"),
    ]
    return histograms(chart, layers, Mark(threshold, 0, name))


def _try_form(
    source: SourceState, new_image: float | None, new_pixel: float | None, *, locked: bool
) -> Markup:
    disabled = "" if locked else None

    def threshold(label: str, name: str, current: float, value: float | None) -> Markup:
        return field(
            label,
            name,
            inputmode="decimal",
            autocomplete="off",
            maxlength="30",
            placeholder=number(current, 6),
            value=None if value is None else repr(value),
            disabled=disabled,
        )

    return element(
        "form",
        element("input", type="hidden", name="source", value=source.name),
        threshold("New image threshold", "image_threshold", source.image_threshold, new_image),
        threshold("New pixel threshold", "pixel_threshold", source.pixel_threshold, new_pixel),
        button("Show what would change", disabled=locked),
        method="get",
        action="/thresholds",
        class_="inline",
        id="try",
    )


def _what_if(source: str, frames: Sequence[ScoredFrame], new_image: float) -> Markup:
    result = apply_threshold(frames, new_image)
    return element(
        "section",
        element(
            "p", what_if_text(len(frames), result), role="status", class_="findings", id="what-if"
        ),
        _listed("PASS becomes FAIL", source, result.turn_fail),
        _listed("FAIL becomes PASS", source, result.turn_pass),
        _listed("Not known, sizes decide", source, result.unknown),
        aria_label="What would change",
    )


def what_if_text(count: int, result: WhatIf) -> str:
    """The result in words."""
    sentences = [
        f"Of the last {count} frames, {len(result.turn_fail)} would turn from PASS to FAIL and "
        f"{len(result.turn_pass)} from FAIL to PASS; {result.same} would stay the same."
    ]
    if result.unknown:
        sentences.append(f"For {len(result.unknown)} it is not known, because sizes decide.")
    if result.without_effect:
        sentences.append(f"On {result.without_effect} the image threshold has no effect.")
    if result.errors:
        sentences.append(f"{result.errors} with ERROR are left out.")
    if result.turn_pass and result.errors:
        sentences.append(
            "A frame that FAILs although the camera has a fault may become ERROR, not PASS."
        )
    return " ".join(sentences)


def _listed(title: str, source: str, frames: Sequence[ScoredFrame]) -> Markup | None:
    if not frames:
        return None
    more = f" (the first {MOST_LISTED})" if len(frames) > MOST_LISTED else ""
    items = [
        element(
            "li",
            verdict_badge(frame.verdict),
            " ",
            element(
                "a",
                f"frame {frame.frame_id}",
                href=address("/frame", frame.run_id, source, frame.frame_id),
            ),
            f" score {number(frame.score)}",
        )
        for frame in frames[:MOST_LISTED]
    ]
    return join(
        element("h3", f"{title}: {len(frames)}{more}"), element("ul", *items, class_="links")
    )


def _save_form(
    source: SourceState,
    visitor: Visitor,
    new_image: float | None,
    new_pixel: float | None,
    back: str,
    recipe: str | None,
) -> Markup:
    values = {"image_threshold": new_image, "pixel_threshold": new_pixel}
    texts = [
        f"{name.replace('_', ' ')} {value!r}" for name, value in values.items() if value is not None
    ]
    return element(
        "section",
        element("h2", f"Save {' and '.join(texts)} for {source.name}"),
        request_form(
            "thresholds",
            visitor,
            element("input", type="hidden", name="source", value=source.name),
            *(
                element("input", type="hidden", name=name, value=repr(value))
                for name, value in values.items()
                if value is not None
            ),
            *hidden_fields(
                expected_recipe=recipe or "",
                expected_image_threshold=repr(source.image_threshold),
                expected_pixel_threshold=repr(source.pixel_threshold),
            ),
            who_field(visitor),
            why_field(),
            button("Save"),
            back=back,
            class_="inline",
            id="save",
        ),
    )
