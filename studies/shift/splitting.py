"""Divides the pictures of a class for the study. They are divided once and stored in a file.

80 % of the good training pictures are for fitting. The other 20 % and 30 % of the defective
pictures, spread over the kinds, are for validation: they choose the thresholds. The rest is for
testing. Good pictures that the data set has for validation or testing stay there. If it has none
for testing, another 20 % of the good training pictures are for testing, and 60 % for fitting.
"""

import dataclasses
import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inspector.core.errors import DataError
from inspector.core.files import write_whole
from inspector.core.schema import build
from learning.datasets.types import TEST, TRAIN, VALIDATION, ClassData, Sample
from studies.shift.drawing import make_generator

FORMAT: Final = 1
GOOD_SHARE: Final = 0.2
"""Share of the good training pictures that is for validation. The same share is for testing if the
data set has no good test pictures."""

DEFECTIVE_SHARE: Final = 0.3
"""Share of the defective pictures that is for validation. Of each kind it is this share, rounded
down or up, so that kinds with few pictures do not change the sum."""

FEWEST: Final = 2
"""Good pictures that must be left for fitting."""


@dataclass(frozen=True, slots=True)
class StudySplit:
    """Names of the pictures of a class. contents: name -> sha256 of the picture and its masks."""

    class_name: str
    seed: int
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    contents: dict[str, str]
    format: int = FORMAT

    @property
    def sha256(self) -> str:
        """Of everything in the split."""
        return hashlib.sha256(_to_text(self).encode()).hexdigest()

    def apply(self, data: ClassData) -> ClassData:
        """data: the class that the split was made of."""
        part = {name: key for key in (TRAIN, VALIDATION, TEST) for name in getattr(self, key)}
        samples = tuple(dataclasses.replace(s, split=part[s.name]) for s in data.samples)
        return dataclasses.replace(data, samples=samples, has_splits=True)


def split_file(out: Path, class_name: str) -> Path:
    """Where a study in the folder `out` stores the split of a class."""
    return out / "splits" / f"{class_name}.json"


def load_or_make(path: Path, data: ClassData, seed: int) -> StudySplit:
    """Reads the split in a file, or makes one and writes it there.

    Raises DataError for a file that is no split, was made with another seed, or does not fit the
    pictures and masks of the class; and for a class with too few pictures.
    """
    contents = {sample.name: _content(sample) for sample in data.samples}
    if not os.path.exists(path):
        split = _make(data, contents, seed)
        write_whole(path, _to_text(split).encode(), "split ")
        return split
    split = _read(path)
    if (split.class_name, split.seed) != (data.name, seed):
        raise DataError(
            f"split {path} was made for class {split.class_name} and seed {split.seed}, not for "
            f"class {data.name} and seed {seed}: choose another --out"
        )
    _refuse_changes(path, split, contents)
    good = {sample.name for sample in data.samples if not sample.defective}
    if wrong := set(split.train) - good:
        raise DataError(f"split {path} was changed: it has the defective {min(wrong)} for fitting")
    return split


def _make(data: ClassData, contents: dict[str, str], seed: int) -> StudySplit:
    good = [s for s in data.samples if not s.defective]
    fixed = [s.name for s in good if s.split == VALIDATION]
    tests = [s.name for s in good if s.split == TEST]
    train = [s.name for s in good if s.split == TRAIN]
    count = max(1, round(GOOD_SHARE * len(train)))
    drawn = _shuffled(train, seed, data.name)
    validation, rest = drawn[:count], drawn[count:]
    if not tests:
        tests, rest = rest[:count], rest[count:]
    if len(rest) < FEWEST:
        raise DataError(
            f"class {data.name} has {len(train)} good pictures for training. After {count} for "
            f"validation, fewer than {FEWEST} are left: give more pictures"
        )
    for kind, count in _count_defective(data).items():
        names = _shuffled([s.name for s in data.samples if s.kind == kind], seed, data.name, kind)
        validation, tests = [*validation, *names[:count]], [*tests, *names[count:]]
    lists = [tuple(sorted(names)) for names in (rest, [*fixed, *validation], tests)]
    return StudySplit(data.name, seed, lists[0], lists[1], lists[2], contents)


def _count_defective(data: ClassData) -> dict[str, int]:
    """Kind of defect -> how many of its pictures are for validation, by largest remainders."""
    kinds = Counter(sample.kind for sample in data.samples if sample.defective)
    shares = {kind: DEFECTIVE_SHARE * kinds[kind] for kind in sorted(kinds)}
    counts = {kind: math.floor(share) for kind, share in shares.items()}
    left = round(DEFECTIVE_SHARE * kinds.total()) - sum(counts.values())
    for kind in sorted(shares, key=lambda kind: counts[kind] - shares[kind])[: max(0, left)]:
        counts[kind] += 1
    return counts


def _shuffled(names: Sequence[str], *parts: object) -> list[str]:
    order = make_generator("split", *parts).permutation(len(names))
    return [sorted(names)[index] for index in order]


def _content(sample: Sample) -> str:
    digest = hashlib.sha256()
    for path in (sample.path, *sorted(sample.masks)):
        try:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError as exc:
            raise DataError(f"picture {path} cannot be read: {exc.strerror}") from exc
    return digest.hexdigest()


def _refuse_changes(path: Path, split: StudySplit, contents: dict[str, str]) -> None:
    gone = sorted(split.contents.keys() - contents.keys())
    new = sorted(contents.keys() - split.contents.keys())
    changed = sorted(n for n, c in contents.items() if split.contents.get(n, c) != c)
    for names, what in ((gone, "are missing"), (new, "are new"), (changed, "have changed")):
        if names:
            raise DataError(
                f"the data set does not fit the split {path}: {len(names)} pictures {what}, "
                f"{_list(names)}. Restore them, or choose another --out for a new study"
            )


def _list(names: Iterable[str]) -> str:
    first, *rest = names
    return f"such as {first}" if rest else first


def _to_text(split: StudySplit) -> str:
    return json.dumps(dataclasses.asdict(split), indent=1, sort_keys=True) + "\n"


def _read(path: Path) -> StudySplit:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise DataError(f"split {path} cannot be read: {exc.strerror}") from exc
    except (ValueError, RecursionError) as exc:
        raise DataError(f"split {path} is not JSON: {exc}") from exc
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise DataError(f"{path} is no split of a study of format {FORMAT}")
    split = build(StudySplit, content, DataError, str(path))
    names = sorted([*split.train, *split.validation, *split.test])
    if names != sorted(split.contents):
        raise DataError(f"split {path} was changed: its lists do not hold each picture once")
    return split
