"""The result of verifying one run."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

WHOLE: Final = 0
CHANGED: Final = 8
UNPROVEN: Final = 9
"""Exit codes, see docs/exit-codes.md."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something that is not as the run wrote it.

    file: relative to the folder of the run. kind: edited, deleted, inserted, reordered, truncated,
    shorter, longer, missing, added, changed, replaced or unsigned. place: such as "line 7"; "" for
    the whole file. reason: more about it, or "".
    """

    file: str
    kind: str
    place: str = ""
    reason: str = ""

    def __str__(self) -> str:
        place = f", {self.place}" if self.place else ""
        return f"{self.file}{place}: {self.kind}" + (f" ({self.reason})" if self.reason else "")


@dataclass(slots=True)
class RunReport:
    """Everything that was noticed about one run.

    gaps: reasons why nothing is proven about a part, such as a run that was cut. notes: facts that
    do not change the result. run_id: of the log. lines, files: how many were compared.
    """

    folder: Path
    changes: list[Change] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    run_id: str = ""
    lines: int = 0
    files: int = 0

    @property
    def exit_code(self) -> int:
        if self.changes:
            return CHANGED
        return UNPROVEN if self.gaps else WHOLE

    def sentences(self) -> list[str]:
        """One sentence for each change, gap and note, and the result."""
        texts = [*map(str, self.changes), *self.gaps, *self.notes]
        result = {
            WHOLE: f"whole: {self._describe_run()} are as the run wrote them",
            CHANGED: f"CHANGED: {len(self.changes)} finding{'s' * (len(self.changes) != 1)}",
            UNPROVEN: "no change found, but not everything can be proven",
        }
        return [f"{self.folder}: {_printable(text)}" for text in [*texts, result[self.exit_code]]]

    def _describe_run(self) -> str:
        files = f"{self.files} files"
        return f"{self.lines} lines and {files} of run {self.run_id}" if self.run_id else files


def _printable(text: str) -> str:
    """Replaces line ends and other control characters, which the name of a file may contain."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
