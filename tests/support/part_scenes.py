"""Inspections and stages for the tests of parts."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from output_parts import defect, inspection

from inspector.core.arrays import Image
from inspector.core.events import Event, Ledger, Part
from inspector.core.types import BadFrame, Cause, Inspection, Verdict
from inspector.parts.book import PartBook
from inspector.parts.grouping import Grouping, SequenceGrouping, count_frames, match_names
from inspector.parts.joiner import PartJoiner
from inspector.parts.stage import PartStage, RunEnd
from inspector.parts.verdict import PartRule

PASS, FAIL, ERROR = Verdict.PASS, Verdict.FAIL, Verdict.ERROR
WORDS = {"P": PASS, "F": FAIL, "E": ERROR}


def see(
    frame_id: int,
    word: str = "P",
    *,
    time_s: float | None = None,
    image: Image | None = None,
    cause: Cause | None = None,
    defects: int = 0,
    score: float = 1.0,
) -> Inspection:
    """The inspection of a frame. word: P, F or E. cause: of an E; decode without a picture by
    default."""
    outlines = tuple(defect(number) for number in range(defects))
    at_s = frame_id / 10 if time_s is None else time_s
    result = inspection(frame_id, verdict=WORDS[word], pts_s=at_s, defects=outlines, score=score)
    if cause is not None:
        whole = inspection(frame_id, pts_s=at_s)
        result = replace(result, frame=whole.frame, cause=cause)
    if image is not None and not isinstance(result.frame, BadFrame):
        result = replace(result, frame=replace(result.frame, image=image))
    return result


def see_all(words: str) -> list[Inspection]:
    """One frame per letter; a dot is a dropped frame."""
    return [see(number, word) for number, word in enumerate(words) if word != "."]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a stage made of a run."""

    parts: list[Part]
    ledger: Ledger
    labels: list[str | None]

    @property
    def verdicts(self) -> list[str]:
        return [part.verdict.value for part in self.parts]

    @property
    def causes(self) -> list[str | None]:
        return [part.cause for part in self.parts]


MakeGrouping = Callable[[PartBook], Grouping]


def make_stage(
    make: MakeGrouping,
    rule: PartRule | None = None,
    *,
    live: bool = False,
    continues: bool = False,
) -> PartStage:
    book = PartBook("main", continues=continues)
    joiner = PartJoiner(("main",), rule or PartRule("any"), timeout_s=1.0)
    return PartStage("main", make(book), book, joiner, live=live)


def run_stage(
    stage: PartStage,
    frames: Iterable[Inspection],
    *,
    captured: int = 0,
    complete: bool = True,
) -> Seen:
    stage.run_end = RunEnd(lambda: captured, lambda: complete)
    labels: list[str | None] = []
    events: list[Event] = []
    for item in frames:
        after, more = stage.see(item)
        labels.append(after.part_id)
        events += more
    events += stage.flush()
    *parts, ledger = events
    assert isinstance(ledger, Ledger)
    assert all(isinstance(part, Part) for part in parts)
    assert ledger.total == len(parts)
    counted = ledger.inspected_once + ledger.inspected_more
    assert counted + sum(ledger.not_inspected_by_cause.values()) == ledger.total
    return Seen(parts, ledger, labels)  # type: ignore[arg-type]


def run_frames(words: str, frames: int = 1, rule: PartRule | None = None, **end: Any) -> Seen:
    """Parts of `frames` consecutive frames."""

    def make(book: PartBook) -> Grouping:
        return SequenceGrouping(book, count_frames("run", frames))

    return run_stage(make_stage(make, rule), see_all(words), **end)


def run_names(
    names: Sequence[str], words: str, pattern: str, frames: int | None = None, **end: Any
) -> Seen:
    def make(book: PartBook) -> Grouping:
        return SequenceGrouping(book, match_names(lambda: names, pattern, frames))

    return run_stage(make_stage(make), see_all(words), **end)
