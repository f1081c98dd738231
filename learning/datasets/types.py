"""What a data set is to this program: classes of pictures, some of them with masks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

GOOD: Final = "good"
TRAIN: Final = "train"
VALIDATION: Final = "validation"
TEST: Final = "test"


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture.

    name: unique within its class; the path below the class folder with "/" between the parts, or
    the path that the data set's split file gives it. kind: GOOD or the kind of defect.
    split: TRAIN, VALIDATION or TEST. masks: of a defective picture, united where there are
    several; empty where none was found.
    """

    name: str
    path: Path
    kind: str
    split: str
    masks: tuple[Path, ...] = ()

    @property
    def defective(self) -> bool:
        return self.kind != GOOD


@dataclass(frozen=True, slots=True)
class ClassData:
    """The pictures of one class (object, product), sorted by name.

    problems: a sentence for each thing that is missing or does not fit; those pictures that are
    there can be used all the same. has_splits: False where the layout has no parts for training
    and testing; then every good picture is TRAIN and every defective one TEST.
    """

    name: str
    samples: tuple[Sample, ...]
    layout: str
    problems: tuple[str, ...] = ()
    has_splits: bool = True

    def of_split(self, split: str) -> tuple[Sample, ...]:
        return tuple(sample for sample in self.samples if sample.split == split)

    def normals(self) -> tuple[Sample, ...]:
        """The good pictures for training."""
        return tuple(sample for sample in self.of_split(TRAIN) if not sample.defective)

    def validation(self) -> tuple[Sample, ...]:
        return self.of_split(VALIDATION)

    def tests(self) -> tuple[Sample, ...]:
        return self.of_split(TEST)

    def defects(self) -> tuple[Sample, ...]:
        """The defective pictures for testing."""
        return tuple(sample for sample in self.tests() if sample.defective)

    def kinds(self) -> tuple[str, ...]:
        """The kinds of defect of the test pictures, sorted."""
        return tuple(sorted({sample.kind for sample in self.defects()}))
