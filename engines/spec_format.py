"""Format numbers of engine files. Refuses files that are newer than this program."""

from typing import Any, Final

from engines.spec_checks import check_text
from inspector.core.errors import SpecError
from inspector.core.schema import shown

FORMAT: Final = 2
"""Format of new engines. Format 1 has the same graph and the same fields without NEW_FIELDS."""

FORMATS: Final = (1, FORMAT)
NEW_FIELDS: Final = (
    "aspects",
    "good_pictures",
    "reference_view",
    "rates",
    "selection",
    "power",
    "foreground",
    "quantisation",
    "requires",
)
"""Fields of format 2. A file of format 1 has none of them."""

INT8: Final = "int8"
"""The graph holds nodes that round to whole numbers of 8 bits."""

ABILITIES: Final = frozenset({INT8})
"""Words in `requires` that this program knows. A later program that runs an engine in another way,
such as by tiles, adds its word here; programs without the word then refuse the file."""


def check_format(number: Any, requires: Any) -> None:
    """Raises SpecError for a format that this program cannot read, and for unknown abilities."""
    known = " and ".join(map(str, FORMATS))
    if number not in FORMATS or not isinstance(number, int) or isinstance(number, bool):
        if isinstance(number, int) and number > FORMAT:
            raise SpecError(
                f"this engine has format {shown(number)}, which is newer than this program; it "
                f"reads formats {known}: update this program, or fit the engine again with it"
            )
        raise SpecError(f"engine format {shown(number)} is unknown; this program reads {known}")
    for word in requires if isinstance(requires, (list, tuple)) else ():
        check_text("spec.requires", word)
        if word not in ABILITIES:
            raise SpecError(
                f"this engine requires {shown(word)}, which is newer than this program: update "
                "this program, or fit the engine again with it"
            )
