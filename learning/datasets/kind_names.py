"""Names of folders of pictures: which names mean good pictures, the same for all layouts and
commands."""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from inspector.core.errors import DataError
from inspector.core.picture_files import folders_in
from learning.datasets.types import GOOD, TRAIN, ClassData

GOOD_NAMES: Final = frozenset(
    (
        *("good", "goods", "ok", "okay", "okays", "normal", "normals", "nominal", "clean"),
        *("pass", "passed", "accepted", "acceptable", "approved", "conforming", "conform"),
        *("correct", "perfect", "qualified", "intact", "healthy", "flawless", "unbroken"),
        *("undamaged", "faultless", "faultfree", "nofault", "nofaults", "noanomaly"),
        *("defectless", "defectfree", "defectsfree", "freeofdefects", "nodefect", "nodefects"),
        *("nondefect", "nondefective", "notdefective", "undefective", "withoutdefect"),
        *("withoutdefects", "nonanomalous", "nonanomaly", "anomalyfree", "errorfree", "noerror"),
        *("negative", "negatives", "neg", "gut", "gute", "gutteil", "gutteile", "gutbild"),
        *(
            "gutbilder",
            "io",
            "inordnung",
            "fehlerfrei",
            "fehlerfreie",
            "ohnefehler",
            "bon",
            "bonne",
            "bons",
        ),
        *("conforme", "conformes", "sansdefaut", "sansdéfaut", "buono", "buona", "buoni"),
        *("bueno", "buena", "buenos", "sindefecto", "sindefectos", "senzadifetti", "goed"),
        *("dobry", "dobre", "годный", "норма", "正常", "良品", "合格", "合格品", "정상", "양품"),
    )
)
"""Names of folders of good pictures, in lower case and without separators and numbers."""

NEUTRAL_WORDS: Final = frozenset(
    (
        *("part", "parts", "picture", "pictures", "image", "images", "img", "imgs", "photo"),
        *("photos", "sample", "samples", "frame", "frames", "product", "products", "piece"),
        *("pieces", "item", "items", "teil", "teile", "bild", "bilder", "class", "folder", "set"),
    )
)
"""Words that say nothing about a defect: good_parts means good."""

_TELLING: Final = frozenset(
    (*("good", "ok", "okay", "normal", "normals", "nominal", "gut", "negative"), "negatives")
)
"""Words that make a name doubtful if other words stand beside them."""

_DENIALS: Final = frozenset(("not", "no", "non", "n", "nicht", "un", "pas", "kein", "keine"))

MASK_FOLDERS: Final = ("ground_truth", "groundtruth", "masks", "mask", "gt")
"""Names of the folder of masks, in lower case."""

LABEL_FOLDERS: Final = (*MASK_FOLDERS, "label", "labels", "annotation", "annotations")
"""Names of folders whose pictures are not pictures of a product, in lower case."""

EXAMPLES: Final = "good, ok, normal, io or non_defective"
"""For sentences that ask for a folder of good pictures."""


def kind_of(folder: Path) -> str:
    """GOOD if the name of the folder means good pictures, else its name, which is a kind of defect.

    Raises DataError for a name that could mean both, such as good_scratched.
    """
    words = _words(folder.name)
    name = "".join(word for word in words if word not in NEUTRAL_WORDS)
    if name in GOOD_NAMES:
        return GOOD
    if _TELLING.intersection(words) and not _DENIALS.intersection(words):
        raise DataError(
            f"the name of the folder {folder} does not say whether its pictures are good or "
            "defective: rename it to good, or to the name of the defect"
        )
    return folder.name


def good_folders(folder: Path) -> list[Path]:
    """Subfolders with good pictures, in natural order. Raises DataError for a doubtful name."""
    return [below for below in folders_in(folder) if kind_of(below) == GOOD]


def is_mask_folder(folder: Path) -> bool:
    return folder.name.lower() in MASK_FOLDERS


def is_label_folder(folder: Path) -> bool:
    return folder.name.lower() in LABEL_FOLDERS


def describe_several(good: Iterable[Path]) -> list[str]:
    """A sentence if several folders beside each other hold good pictures."""
    names = [folder.name for folder in good]
    places = sorted({str(folder.parent) for folder in good})
    if len(names) < 2:
        return []
    return [f"{places[0]} has several folders of good pictures: {' and '.join(names)}; all count"]


def explain_no_good(data: ClassData) -> str:
    """Why a class has no good pictures for training, and what to do."""
    if not data.samples and data.problems:
        return data.problems[0]
    others = sorted({sample.kind for sample in data.of_split(TRAIN)})
    listed = f": its folders for training are {', '.join(others)}" if others else ""
    return (
        f"class {data.name} has no good pictures for training{listed}. Name the folder of good "
        f"pictures {EXAMPLES}"
    )


def same_name(first: str, second: str) -> bool:
    """Whether two names of folders differ at most in case and in how letters are composed."""
    return _plain(first) == _plain(second)


def folders_named(folder: Path, *names: str) -> list[Path]:
    """Subfolders with one of these names, in any case."""
    return [b for b in folders_in(folder) if any(same_name(b.name, name) for name in names)]


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _words(name: str) -> list[str]:
    """Words in lower case; a capital letter after a small one begins a word."""
    parts = re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))
    return [_plain(part) for part in parts]
