"""Makes a table of true and measured sizes with one row per rendered defect."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inspector.core.types import ON_FRAME
from inspector.synthetic.truth import Track, TruthComparison

RULE = (
    "measured: in the frame where the defect is nearest to the centre of the picture, among the"
    " frames that show all of it and in which it was detected"
)

ALL = "all"


@dataclass(frozen=True, slots=True)
class TruthRow:
    """One rendered defect.

    true, measured: length, width (mm) and area (mm2); measured is None if it was missed.
    whole_frames: number of frames that show all of it. detected_frames: number of these frames in
    which it was detected. length_sd_mm: standard deviation of the length measured in them; None
    for fewer than two. pieces: regions on it in the chosen frame; the largest is measured.
    length_expanded_u_mm: expanded uncertainty U of the measured length.
    """

    web_id: int
    kind: str
    true: tuple[float, float, float]
    measured: tuple[float, float, float] | None
    frame_id: int | None
    whole_frames: int
    detected_frames: int
    length_sd_mm: float | None
    pieces: int
    size_source: str | None
    length_expanded_u_mm: float | None = None

    @property
    def ratios(self) -> tuple[float, float, float] | None:
        """Measured divided by true length, width and area."""
        if self.measured is None:
            return None
        length, width, area = (m / t for m, t in zip(self.measured, self.true, strict=True))
        return length, width, area


@dataclass(frozen=True, slots=True)
class KindSummary:
    """Results of one kind.

    detected: number of defects detected in any frame that shows all of the defect.
    mostly_detected: number detected in more than half of these frames. ratios: medians of
    measured divided by true length, width and area of the detected defects.
    """

    kind: str
    rendered: int
    detected: int
    mostly_detected: int
    ratios: tuple[float, float, float] | None


def make_rows(comparison: TruthComparison) -> list[TruthRow]:
    """Ordered by kind, then by true length."""
    rows = [_make_row(web_id, track) for web_id, track in comparison.tracks.items()]
    return sorted(rows, key=lambda row: (row.kind, row.true[0]))


def format_table(rows: Sequence[TruthRow]) -> list[str]:
    """Lines of text, the heading first."""
    lines = [
        "                 true mm, mm2           measured mm, mm2       frames  length  length",
        "kind           length  width    area   length  width    area   found   sd mm    U mm  on",
    ]
    for row in rows:
        frames = f"{row.detected_frames}/{row.whole_frames}"
        start = f"{row.kind:13} {_sizes(row.true)}   "
        if row.measured is None:
            lines.append(f"{start}{'missed':^22}  {frames:>6}")
            continue
        sd = "" if row.length_sd_mm is None else f"{row.length_sd_mm:.2f}"
        pieces = f" in {row.pieces} pieces" if row.pieces > 1 else ""
        source = "frame" if row.size_source in ON_FRAME else "map"
        u = row.length_expanded_u_mm
        # The uncertainty of a size on the map is nearly as large as the size.
        shown_u = "up to" if source == "map" else "" if u is None else f"{u:.2f}"
        lines.append(
            f"{start}{_sizes(row.measured)}  {frames:>6}  {sd:>6}  {shown_u:>6}  {source}{pieces}"
        )
    return lines


def summarize(rows: Sequence[TruthRow]) -> list[KindSummary]:
    """Makes a summary of each kind and a summary of all kinds."""
    summaries = []
    for kind in (*dict.fromkeys(row.kind for row in rows), ALL):
        chosen = [row for row in rows if kind in (row.kind, ALL)]
        ratios = [row.ratios for row in chosen if row.ratios is not None]
        middle = None
        if ratios:
            length, width, area = np.median(np.array(ratios), axis=0)
            middle = float(length), float(width), float(area)
        mostly = sum(2 * row.detected_frames > row.whole_frames for row in chosen)
        summaries.append(KindSummary(kind, len(chosen), len(ratios), mostly, middle))
    return summaries


def _make_row(web_id: int, track: Track) -> TruthRow:
    truth, best, complete = track.truth, track.best, track.complete
    detected = [sighting.regions[0] for sighting in complete if sighting.regions]
    measured = None
    if best is not None:
        main = best.regions[0]
        measured = main.length_mm, main.width_mm, main.area_mm2
    return TruthRow(
        web_id=web_id,
        kind=truth.kind,
        true=(truth.length_mm, truth.width_mm, truth.area_mm2),
        measured=measured,
        frame_id=None if best is None else best.frame_id,
        whole_frames=len(complete),
        detected_frames=len(detected),
        length_sd_mm=(
            float(np.std([region.length_mm for region in detected], ddof=1))
            if len(detected) > 1
            else None
        ),
        pieces=0 if best is None else len(best.regions),
        size_source=None if best is None else best.regions[0].size_source,
        length_expanded_u_mm=None if best is None else best.regions[0].length_expanded_u_mm,
    )


def _sizes(sizes: tuple[float, float, float]) -> str:
    return f"{sizes[0]:7.2f} {sizes[1]:6.2f} {sizes[2]:7.2f}"
