"""States the results of an acceptance test in plain sentences, for the terminal and the page."""

from evaluation.acceptance.reliable_size import CURVE, MISSED
from evaluation.acceptance.results import Acceptance, KindAcceptance
from evaluation.formats import count_of, percent
from evaluation.results import Rate

METHODS = {
    CURVE: "by a curve over the sizes",
    "exact": "by the exact test of this size",
}


def kind_sentence(kind: KindAcceptance, unit: str) -> str:
    """Which size of a kind is found, or that none is shown."""
    reliable = kind.a90_95
    if reliable.size is not None:
        return (
            f"{kind.kind}: a size of {reliable.size:g} {unit} is found with a probability of "
            f"90 % or more, at 95 % confidence, {METHODS[reliable.method]}."
            + (" Smaller sizes were not tested." if reliable.size == kind.sizes[0].size else "")
        )
    if reliable.method == MISSED:
        return (
            f"{kind.kind}: {size_text(kind, unit)} with a probability of 90 % at 95 % confidence: "
            f"{reliable.reason}."
        )
    return f"{kind.kind}: {size_text(kind, unit)} to state a size: {reliable.reason}."


def size_text(kind: KindAcceptance, unit: str) -> str:
    """a90/95 for a table, or that there is none."""
    reliable = kind.a90_95
    if reliable.size is not None:
        return f"{reliable.size:g} {unit}"
    if reliable.method == MISSED:
        largest = max(each.size for each in kind.sizes if each.used)
        return f"not found up to {largest:g} {unit}"
    return reliable.method


def rate_text(rate: Rate) -> str:
    """Such as "2 of 61, 3.3 % (0.4 to 11.3 %)"."""
    if rate.share is None or rate.interval is None:
        return "none tested"
    low, high = (percent(end) for end in rate.interval)
    return f"{rate.count} of {rate.of}, {percent(rate.share)} ({low.removesuffix(' %')} to {high})"


def good_sentences(result: Acceptance) -> list[str]:
    good = result.good
    sentences = [f"False rejection: {rate_text(good.false_rejection)} of the good pictures FAIL."]
    if good.errors.count:
        sentences.append(f"Not judged: {rate_text(good.errors)} of the good pictures are ERROR.")
    return sentences


def design_sentence(result: Acceptance) -> str:
    design = result.design
    contrast = f"contrast {design.contrast:g} of 255 grey levels"
    pictures = count_of(design.pictures, "good picture")
    return f"Defects of {contrast} were drawn on {pictures}, each picture once per kind and size."


def conclusion(result: Acceptance) -> list[str]:
    """The sentences at the top of the page."""
    return [
        *(kind_sentence(kind, result.design.unit) for kind in result.kinds),
        *good_sentences(result),
        design_sentence(result),
    ]
