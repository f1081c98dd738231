"""Holds what every section of a report needs: the run, the texts, the numbers, and the links."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from inspector.report.accounting import FrameAccount
from inspector.report.html_table import table
from inspector.report.markup import Child, Markup, element, join
from inspector.report.numbers import Numbers
from inspector.report.options import ReportOptions
from inspector.report.pictures import DefectPicture
from inspector.report.run_log import ReportDefect, RunLog
from inspector.report.texts import Texts

MOST_IN_FULL: Final = 200
"""Defects with picture and all values in the main file; the others are rows of further files."""


@dataclass(frozen=True, slots=True)
class ReportContext:
    """One run in a report.

    prefix: of the ids of the run in the page. pages: file -> numbers of its first and its last
    defect, for defects that are not in the main file. page_hashes: file -> SHA-256.
    frame_starts: first frame of each range of
    frames, rising. frame_pages: as pages, for the frames.
    """

    log: RunLog
    account: FrameAccount
    conclusion: str
    text: Texts
    numbers: Numbers
    options: ReportOptions
    prefix: str
    main_link: str = ""
    """The file with the report, for links from further files; empty in the report itself."""
    pictures: Mapping[int, DefectPicture] = field(default_factory=dict)
    pages: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    page_hashes: Mapping[str, str] = field(default_factory=dict)
    frame_starts: Sequence[int] = ()
    frame_pages: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def in_full(self) -> Sequence[ReportDefect]:
        return self.log.defects[:MOST_IN_FULL]

    @property
    def noun(self) -> str:
        """Key of the text for what is counted: with tracking defects, else sightings."""
        return "defects" if self.log.tracked else "sightings"

    def anchor(self, name: str) -> str:
        return f"{self.prefix}{name}"

    def link(self, text: Child, name: str) -> Markup:
        """A link to an id of this run in the main file."""
        return element("a", text, href=f"{self.main_link}#{self.anchor(name)}")

    def defect_href(self, number: int) -> str:
        for page, (first, last) in self.pages.items():
            if first <= number <= last:
                return f"{page}#{self.anchor(f'd{number}')}"
        return f"{self.main_link}#{self.anchor(f'd{number}')}"

    def frame_href(self, frame_id: int) -> str:
        """The row with a frame: that of the range in which it is."""
        start = self.frame_starts[max(bisect_right(self.frame_starts, frame_id) - 1, 0)]
        for page, (first, last) in self.frame_pages.items():
            if first <= start <= last:
                return f"{page}#{self.anchor(f'frame-{start}')}"
        return f"{self.main_link}#{self.anchor(f'frame-{start}')}"

    def defect_link(self, number: int) -> Markup:
        return element("a", f"D{number}", href=self.defect_href(number))

    def defect_links(self, numbers: Sequence[int]) -> Markup:
        """Links to defects; numbers in a row become a range such as D3–D9."""
        parts: list[Markup] = []
        for first, last in _ranges(numbers):
            parts.append(join(", ")) if parts else None
            parts.append(self.defect_link(first))
            if last > first:
                parts += [join("–" if last > first + 1 else ", "), self.defect_link(last)]
        return join(*parts)

    def page_list(self, pages: Mapping[str, tuple[int, int]], mark: str = "") -> Markup | None:
        """Links to the further pages with their hashes, so that a signature covers them. None
        without further pages. mark: before the numbers of their rows."""
        if not pages:
            return None
        rows = [
            (
                element("a", page, href=page),
                f"{mark}{first}–{mark}{last}",
                element("code", self.page_hashes.get(page, "")),
            )
            for page, (first, last) in pages.items()
        ]
        return self.table(("file", "content", "sha256"), rows, self.text("further_pages"))

    def heads(self, *keys: str) -> list[str]:
        """The heads of the columns of a table. Each has an entry in the glossary."""
        return [self.text(f"col_{key}") for key in keys]

    def table(
        self,
        keys: Sequence[str],
        rows: Sequence[Sequence[Child]],
        caption: str = "",
        class_: str | None = None,
    ) -> Markup:
        return table(self.heads(*keys), rows, caption, class_=class_)

    def size_text(self, defect: ReportDefect, quantity: str) -> str:
        """Size with U and its mark: "up to" for a size of the map, ">" for one that is cut off."""
        size, expanded = defect.size(quantity, self.log.unit)
        if size is None:
            return self.text("unknown")
        values = defect.values
        if values.get("size_source") == "map":
            shown = self.text("up_to", size=self.numbers.measured(size, None, quantity))
            return f"{shown}, {self.text('cut_off')}" if values.get("truncated") else shown
        shown = self.numbers.measured(size, expanded, quantity)
        return f"> {shown}" if values.get("truncated") else shown


def span_text(first: int, last: int) -> str:
    """Such as "3–9", or "3" if both are equal."""
    return f"{first}" if first == last else f"{first}–{last}"


def _ranges(numbers: Sequence[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1] = ranges[-1][0], number
        else:
            ranges.append((number, number))
    return ranges
