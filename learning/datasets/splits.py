"""Divides pictures into those for fitting, thresholds and testing. They are drawn once and stored
in a file."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from inspector.core.errors import ConfigError, DataError
from inspector.core.files import write_whole
from inspector.core.picture_files import natural_key
from learning.datasets.types import TEST, TRAIN, VALIDATION, ClassData, Sample

FORMAT: Final = 1
FEWEST: Final = 2
"""Pictures that must be left for fitting."""

_PARTS: Final = (TRAIN, VALIDATION, TEST)


@dataclass(frozen=True, slots=True)
class Fractions:
    """Shares in [0, 1) of the good training pictures. test: used only if the data set has no
    test pictures."""

    validation: float = 0.2
    test: float = 0.2

    def __post_init__(self) -> None:
        # The comparison is written so that NaN is refused too.
        if not (self.validation >= 0 and self.test >= 0 and self.validation + self.test < 1):
            raise ConfigError(
                f"fractions must be at least 0 and below 1 together, not {self.validation:g} for "
                f"validation and {self.test:g} for test"
            )


@dataclass(frozen=True, slots=True)
class Split:
    """Names of a class' samples. train holds good samples only; defective samples that the data set
    has for training or validation are in validation. ordered: the pictures are frames of a stream,
    and the drawn ones are one contiguous run."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    seed: int
    fractions: Fractions
    ordered: bool = False

    @property
    def sha256(self) -> str:
        """Of the three lists of names."""
        parts = [self.train, self.validation, self.test]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def apply(self, data: ClassData) -> ClassData:
        """The class with the parts of this split. Raises DataError if it names other pictures
        than the class has."""
        _refuse_others(self, data, f"the split of {data.name}")
        part = {name: key for key in _PARTS for name in getattr(self, key)}
        samples = tuple(dataclasses.replace(s, split=part[s.name]) for s in data.samples)
        return dataclasses.replace(data, samples=samples, has_splits=True)


def make_split(data: ClassData, *, seed: int, fractions: Fractions, ordered: bool = False) -> Split:
    """Draws a split. The same samples, seed and fractions give the same split.

    Test and validation pictures of the data set stay in their parts. ordered: the names in natural
    order are the order in time (frame 2 before frame 10). Raises DataError if fewer than FEWEST
    good pictures would be left for fitting, ConfigError for a negative seed.
    """
    if seed < 0:
        raise ConfigError(f"the seed must be at least 0, not {seed}")
    good = [s.name for s in data.normals()]
    fixed = {VALIDATION: [s.name for s in data.validation()], TEST: [s.name for s in data.tests()]}
    fixed[VALIDATION] += [s.name for s in data.of_split(TRAIN) if s.defective]
    has_validation = any(not s.defective for s in data.validation())
    shares = (
        0.0 if has_validation else fractions.validation,
        0.0 if data.has_splits else fractions.test,
    )
    # At least one picture of each: no threshold can be chosen from an empty validation set.
    counts = [max(1, round(share * len(good))) if share else 0 for share in shares]
    if len(good) - sum(counts) < FEWEST:
        raise DataError(
            f"class {data.name} has {len(good)} good pictures for training; with {counts[0]} for "
            f"validation and {counts[1]} for testing fewer than {FEWEST} would be left"
        )
    validation, test, train = _draw(good, counts, seed, ordered)
    return Split(
        tuple(sorted(train)),
        tuple(sorted([*validation, *fixed[VALIDATION]])),
        tuple(sorted([*test, *fixed[TEST]])),
        seed,
        fractions,
        ordered,
    )


def load_or_make(
    path: Path, data: ClassData, *, seed: int, fractions: Fractions, ordered: bool = False
) -> Split:
    """Reads the split in a file, or draws one and writes it there, completely or not at all.

    Raises DataError for a file that is no split, was changed, was made with another seed, other
    fractions or another order, or does not name exactly the pictures of the class; SinkError if
    it cannot be written.
    """
    if not os.path.exists(path):
        split = make_split(data, seed=seed, fractions=fractions, ordered=ordered)
        _write(path, split, data)
        return split
    split = read_split(path)
    request = {"seed": seed, "fractions": fractions, "ordered": ordered}
    for key, value in request.items():
        if getattr(split, key) != value:
            raise DataError(
                f"split {path} was made with {key} {_plain(getattr(split, key))}, not "
                f"{_plain(value)}; delete it to draw another"
            )
    _refuse_others(split, data, f"split {path}")
    return split


def read_split(path: Path) -> Split:
    """Raises DataError for a file that cannot be read, is no split or was changed."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise DataError(f"split {path} cannot be read: {exc.strerror}") from exc
    except (ValueError, RecursionError) as exc:
        raise DataError(f"{path} is no split in JSON: {exc}") from exc
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise DataError(f"{path} is no split of format {FORMAT}")
    try:
        split = _from_plain(content)
    except (KeyError, TypeError, ConfigError) as exc:
        raise DataError(f"split {path} lacks a value or has a wrong one: {exc}") from exc
    if content.get("sha256") != split.sha256:
        raise DataError(f"split {path} was changed: its names do not fit its sha256")
    return split


def _draw(
    names: Sequence[str], counts: Sequence[int], seed: int, ordered: bool
) -> tuple[list[str], list[str], list[str]]:
    """Names for validation and for test, as many as counts says, and the others."""
    rng = np.random.default_rng(seed)
    validation, test = counts
    if not ordered:
        drawn = [names[i] for i in rng.permutation(len(names))]
        start = 0
    else:
        drawn = sorted(names, key=natural_key)
        start = int(rng.integers(len(names) - validation - test + 1))
    middle, end = start + validation, start + validation + test
    return drawn[start:middle], drawn[middle:end], drawn[:start] + drawn[end:]


def _refuse_others(split: Split, data: ClassData, what: str) -> None:
    named = [name for key in _PARTS for name in getattr(split, key)]
    if len(named) != len(set(named)):
        raise DataError(f"{what} names a picture more than once")
    samples = {sample.name: sample for sample in data.samples}
    gone = sorted(set(named) - samples.keys())
    if gone:
        raise DataError(f"{what} names {len(gone)} pictures that are not there, first {gone[0]}")
    new = sorted(samples.keys() - set(named))
    if new:
        raise DataError(f"{what} lacks {len(new)} pictures that are there, first {new[0]}")
    wrong = [name for name in split.train if not _may_train(samples[name])]
    wrong += sorted({sample.name for sample in data.tests()} - set(split.test))
    if wrong:
        raise DataError(f"{what} has {wrong[0]} in another part than the data set")


def _may_train(sample: Sample) -> bool:
    return sample.split == TRAIN and not sample.defective


def _plain(value: Any) -> Any:
    return dataclasses.asdict(value) if isinstance(value, Fractions) else value


def _from_plain(content: dict[str, Any]) -> Split:
    parts = []
    for key in _PARTS:
        names = content[key]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise TypeError(f"{key} is no list of names")
        parts.append(tuple(names))
    seed, ordered = content["seed"], content["ordered"]
    if type(seed) is not int or type(ordered) is not bool:
        raise TypeError("seed must be a whole number and ordered true or false")
    return Split(parts[0], parts[1], parts[2], seed, Fractions(**content["fractions"]), ordered)


def _write(path: Path, split: Split, data: ClassData) -> None:
    content = {
        "format": FORMAT,
        "class": data.name,
        "layout": data.layout,
        **dataclasses.asdict(split),
        "sha256": split.sha256,
    }
    write_whole(path, json.dumps(content, indent=1).encode(), "split ")
