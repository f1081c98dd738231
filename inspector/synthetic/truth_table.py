"""True and measured sizes side by side: one row for every rendered defect."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inspector.synthetic.truth import Comparison, Track

RULE = (
    "measured: in the frame nearest the centre of the picture among those that show the whole"
    " defect and in which it was found"
)

ALL = "all"


@dataclass(frozen=True, slots=True)
class Row:
    """One rendered defect. measured: length, width (mm) and area (mm2), None where it was missed.

    whole_frames: that show all of it; found_frames: those of them in which it was found.
    length_sd_mm: standard deviation of the measured length over these, None for fewer than two.
    pieces: regions that lie on it in the chosen frame; the largest is measured.
    """

    web_id: int
    kind: str
    true: tuple[float, float, float]
    measured: tuple[float, float, float] | None
    frame_id: int | None
    whole_frames: int
    found_frames: int
    length_sd_mm: float | None
    pieces: int
    size_source: str | None

    @property
    def ratios(self) -> tuple[float, float, float] | None:
        """Measured over true length, width and area."""
        if self.measured is None:
            return None
        length, width, area = (m / t for m, t in zip(self.measured, self.true, strict=True))
        return length, width, area


@dataclass(frozen=True, slots=True)
class Summary:
    """Of one kind. found: in any frame that shows the whole defect; steady: in more than half of
    them. ratios: medians of measured over true length, width and area of those found."""

    kind: str
    rendered: int
    found: int
    steady: int
    ratios: tuple[float, float, float] | None


def rows(comparison: Comparison) -> list[Row]:
    """Ordered by kind, then by true length."""
    made = [_row(web_id, track) for web_id, track in comparison.tracks.items()]
    return sorted(made, key=lambda row: (row.kind, row.true[0]))


def table(made: Sequence[Row]) -> list[str]:
    """Lines of text, the heading first."""
    lines = [
        "                 true mm, mm2           measured mm, mm2       frames  length",
        "kind           length  width    area   length  width    area   found   sd mm  sized on",
    ]
    for row in made:
        seen = f"{row.found_frames}/{row.whole_frames}"
        start = f"{row.kind:13} {_sizes(row.true)}   "
        if row.measured is None:
            lines.append(f"{start}{'missed':^22}  {seen:>6}")
            continue
        sd = "" if row.length_sd_mm is None else f"{row.length_sd_mm:.2f}"
        pieces = f" in {row.pieces} pieces" if row.pieces > 1 else ""
        source = "frame" if row.size_source == "refined" else "map"
        lines.append(f"{start}{_sizes(row.measured)}  {seen:>6}  {sd:>6}  {source}{pieces}")
    return lines


def summaries(made: Sequence[Row]) -> list[Summary]:
    """One of every kind, and one of all."""
    out = []
    for kind in (*dict.fromkeys(row.kind for row in made), ALL):
        chosen = [row for row in made if kind in (row.kind, ALL)]
        ratios = [row.ratios for row in chosen if row.ratios is not None]
        middle = None
        if ratios:
            length, width, area = np.median(np.array(ratios), axis=0)
            middle = float(length), float(width), float(area)
        steady = sum(2 * row.found_frames > row.whole_frames for row in chosen)
        out.append(Summary(kind, len(chosen), len(ratios), steady, middle))
    return out


def _row(web_id: int, track: Track) -> Row:
    truth, best, whole = track.truth, track.best, track.whole
    found = [sighting.found[0] for sighting in whole if sighting.found]
    measured = None
    if best is not None:
        main = best.found[0]
        measured = main.length_mm, main.width_mm, main.area_mm2
    return Row(
        web_id=web_id,
        kind=truth.kind,
        true=(truth.length_mm, truth.width_mm, truth.area_mm2),
        measured=measured,
        frame_id=None if best is None else best.frame_id,
        whole_frames=len(whole),
        found_frames=len(found),
        length_sd_mm=float(np.std([f.length_mm for f in found], ddof=1)) if found[1:] else None,
        pieces=0 if best is None else len(best.found),
        size_source=None if best is None else best.found[0].size_source,
    )


def _sizes(sizes: tuple[float, float, float]) -> str:
    return f"{sizes[0]:7.2f} {sizes[1]:6.2f} {sizes[2]:7.2f}"
