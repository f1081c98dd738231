"""The tables of the report."""

from collections.abc import Iterable, Sequence
from typing import Final

from evaluation.report import words
from evaluation.report.markup import Child, Markup, element, joined
from evaluation.results import (
    FIGURES,
    ClassResult,
    Figure,
    KindResult,
    PictureResult,
    Rate,
    RegionGroup,
)

MOST_ROWS: Final = 2000
"""Of a list of pictures or problems; metrics.json has them all."""


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[Child]],
    caption: str = "",
    *,
    class_: str | None = None,
) -> Markup:
    """The first cell of a row names it. class_: "wide" keeps each cell on one line."""
    top = element("tr", *(element("th", name, scope="col") for name in head))
    body = [
        element("tr", element("th", row[0], scope="row"), *(element("td", c) for c in row[1:]))
        for row in rows
    ]
    title = element("caption", caption) if caption else None
    inner = element("table", title, element("thead", top), element("tbody", *body), class_=class_)
    return element("div", inner, class_="scroll")


def facts(pairs: Iterable[tuple[str, Child]]) -> Markup:
    return element(
        "dl", *(joined(element("dt", key), element("dd", value)) for key, value in pairs)
    )


def confusion(result: ClassResult) -> Markup:
    at = result.at_threshold
    errors = [sum(p.defective is kind for p in result.errors) for kind in (False, True)]
    rows = [
        ("good", str(at.true_passes), _marked(at.false_alarms), str(errors[0])),
        ("defective", _marked(at.misses), str(at.true_alarms), str(errors[1])),
    ]
    head = ("really", "called good (PASS)", "called defective (FAIL)", "not judged (ERROR)")
    threshold = words.score(result.engine.image_threshold)
    return table(head, rows, f"Pictures at the image threshold {threshold}: FAIL from it on")


def rates(result: ClassResult) -> Markup:
    at = result.at_threshold
    rows = [
        ("false alarms among good pictures", *_rate(at.false_alarm_rate)),
        ("misses among defective pictures", *_rate(at.miss_rate)),
        ("defect regions that the map reaches", *_rate(at.regions_found)),
        ("good pictures with a falsely marked region", *_rate(at.false_regions)),
    ]
    return table(("at the engine's thresholds", "count", "share", "95 % interval"), rows)


def figures(result: ClassResult) -> Markup:
    rows = []
    for name in FIGURES:
        one = getattr(result.figures, name)
        meaning = words.FIGURE_MEANINGS[name]
        rows.append((words.FIGURE_NAMES[name], words.figure(one), words.interval(one), meaning))
    return table(("figure", "value", "95 % interval", "what it is"), rows)


def kinds(results: Sequence[KindResult]) -> Markup:
    notes = Notes()
    head = ("kind", "pictures", "missed", "regions found", *words.FIGURE_NAMES.values())
    rows = [
        (
            kind.name,
            str(kind.pictures),
            words.share_of(kind.misses),
            words.share_of(kind.regions_found),
            *(notes.figure(getattr(kind.figures, name)) for name in FIGURES),
        )
        for kind in results
    ]
    return joined(table(head, rows, class_="wide"), notes.listed())


def groups(name: str, results: Sequence[RegionGroup]) -> Markup:
    notes = Notes()
    rows = [(g.name, *_rate(g.found), notes.figure(g.aupro)) for g in results]
    head = (name, "regions found", "share", "95 % interval", words.FIGURE_NAMES["aupro"])
    return joined(table(head, rows), notes.listed())


def pictures(listed: Sequence[PictureResult], threshold: float) -> Markup:
    rows = [
        (
            p.name,
            p.kind,
            words.against(p.score, threshold),
            p.verdict,
            words.score(p.peak),
            f"{p.regions_found} of {p.regions}" if p.has_mask else "-",
            p.note or p.error or "",
        )
        for p in listed[:MOST_ROWS]
    ]
    head = ("picture", "kind", "score", "verdict", "peak", "regions found", "remark")
    return joined(table(head, rows), cut(len(listed), "picture"))


def cut(count: int, noun: str) -> Markup | None:
    """Says how many of a list are left out after MOST_ROWS."""
    left = count - MOST_ROWS
    return (
        element("p", f"{words.counted(left, f'further {noun}')} in metrics.json.")
        if left > 0
        else None
    )


class Notes:
    """What is to be said of figures, such as why they are undefined, numbered and written once
    under a table."""

    def __init__(self) -> None:
        self._said: list[str] = []

    def figure(self, value: Figure) -> Markup:
        if value.value is None:
            reason = self.number(f"undefined: {value.reason}")
            return element("span", f"undefined {reason}", class_="undefined")
        note = f" {self.number(value.reason)}" if value.reason else None
        return joined(words.number(value.value, value.error), note)

    def listed(self) -> Markup | None:
        if not self._said:
            return None
        notes = [f"[{k}] {said}" for k, said in enumerate(self._said, 1)]
        return joined(*(element("p", note, class_="note") for note in notes))

    def number(self, said: str) -> str:
        """Such as "[1]", which stands for what is said."""
        if said not in self._said:
            self._said.append(said)
        return f"[{self._said.index(said) + 1}]"


def _marked(count: int) -> Child:
    return element("strong", str(count)) if count else "0"


def _rate(value: Rate) -> tuple[str, str, str]:
    if value.share is None or value.interval is None:
        return f"0 of {value.of}", "undefined: there is none to count", "-"
    low, high = (words.percent(end) for end in value.interval)
    return f"{value.count} of {value.of}", words.percent(value.share), f"{low} to {high}"
