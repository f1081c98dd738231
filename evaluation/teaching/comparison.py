"""Judges stored pictures with an engine and with its candidate."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.opening import Engine, open_engine
from engines.pictures import decode_picture, reading_for
from engines.resize import describe_aspect, to_input
from engines.spec import EngineSpec
from evaluation.replay.fails import FailChange, compare_fails
from inspector.core.errors import ConfigError, DataError
from inspector.core.types import Verdict
from inspector.store.feedback import MISSED
from learning.thresholds.changing import picture_hash

PASS, FAIL = Verdict.PASS.value, Verdict.FAIL.value


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A picture file of a frame. label: names it for people. answer: FINE, MISSED or None."""

    path: Path
    label: str
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class ScoredTwice:
    """old, new: scores by the engine and by the candidate. fitted: the candidate was fitted on this
    picture, so its new score says nothing about other pictures."""

    picture: StoredPicture
    old: float
    new: float
    fitted: bool


@dataclass(frozen=True, slots=True)
class EngineComparison:
    """before, after: of the engine and of the candidate. pictures: in the order of the request.
    unused: labels of pictures that cannot be judged, and why."""

    before: EngineSpec
    after: EngineSpec
    pictures: tuple[ScoredTwice, ...]
    unused: tuple[tuple[str, str], ...]

    def verdicts(self, scored: ScoredTwice) -> tuple[str, str]:
        """Of the engine and of the candidate, by their image thresholds."""
        limits = self.before.image_threshold, self.after.image_threshold
        old, new = (
            FAIL if score >= limit else PASS
            for score, limit in zip((scored.old, scored.new), limits, strict=True)
        )
        return old, new

    @property
    def changed(self) -> tuple[ScoredTwice, ...]:
        """Pictures with another verdict."""
        return tuple(each for each in self.pictures if len(set(self.verdicts(each))) > 1)

    @property
    def missed(self) -> tuple[ScoredTwice, ...]:
        """Pictures of defects, by the answers of people."""
        return tuple(each for each in self.pictures if each.picture.answer == MISSED)

    @property
    def fails(self) -> FailChange:
        """Changes among the pictures that the candidate was not fitted on."""
        pairs = [self.verdicts(each) for each in self.pictures if not each.fitted]
        return compare_fails(len(pairs), pairs.count((PASS, FAIL)), pairs.count((FAIL, PASS)))


def compare_engines(
    engine: Path, candidate: Path, pictures: Sequence[StoredPicture], *, threads: int = 0
) -> EngineComparison:
    """threads: of the runtime, 0 lets it choose. A picture that cannot be read is listed and left
    out. Raises ConfigError if the two take different inputs, SpecError for a file that is no
    engine."""
    with contextlib.ExitStack() as stack:
        old, new = (
            stack.enter_context(contextlib.closing(open_engine(path, threads=threads)))
            for path in (engine, candidate)
        )
        if old.spec.resize != new.spec.resize:
            raise ConfigError(f"{candidate} takes another input than {engine}: refit it")
        bank = frozenset(() if new.spec.left_out is None else new.spec.left_out.bank)
        unused: list[tuple[str, str]] = []
        scored = tuple(_score(pictures, old, new, bank, unused))
        return EngineComparison(old.spec, new.spec, scored, tuple(unused))


def _score(
    pictures: Sequence[StoredPicture],
    old: Engine,
    new: Engine,
    bank: frozenset[str],
    unused: list[tuple[str, str]],
) -> Iterator[ScoredTwice]:
    spec = new.spec
    for picture in pictures:
        try:
            image = decode_picture(picture.path, reading=reading_for(spec))
        except DataError as exc:
            unused.append((picture.label, str(exc)))
            continue
        if (sentence := describe_aspect(spec, (image.shape[0], image.shape[1]))) is not None:
            unused.append((picture.label, sentence))
            continue
        pixels = to_input(image, spec.resize)[0]
        first, second = (float(engine.infer(pixels[np.newaxis])[1][0]) for engine in (old, new))
        yield ScoredTwice(picture, first, second, picture_hash(pixels) in bank)


def list_caught(comparison: EngineComparison) -> list[tuple[ScoredTwice, str]]:
    """Each missed picture, and in words what would find it."""
    return [(each, _what_finds(each, comparison.after)) for each in comparison.missed]


def _what_finds(scored: ScoredTwice, spec: EngineSpec) -> str:
    if scored.new >= spec.image_threshold:
        return "the candidate finds it"
    text = f"only an image threshold of {scored.new:.4g} or less finds it"
    for row in spec.rates or ():
        if scored.new >= row.image_threshold:
            return f"{text}; that of the rate {row.rate:.0%} does ({row.image_threshold:.4g})"
    return f"{text}, lower than those of all rates that the good pictures support"
