"""Saves a picture of every defect: a part of its frame, clean and with its outline and size."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from loguru import logger

from inspector.core.events import DefectClosed, Event
from inspector.core.file_hash import FileState, state_of
from inspector.core.protocols import Picture
from inspector.core.types import BadFrame, Defect, Frame, Inspection, RunInfo, Severity
from inspector.outputs.files import make_folder
from inspector.outputs.jpeg import encode_jpeg, write_picture
from inspector.outputs.options import DefectPictureOptions
from inspector.render.close_up import CutOut, cut_out, draw_close_up
from inspector.render.overlay import format_label

MOST_VIEWS: Final = 3
"""Views of an open track that stay in memory. The tracker chooses among its best views when it
closes the track."""

MOST_BYTES: Final = 64 * 2**20
"""Memory for the views of all open tracks."""

MOST_LIVE: Final = 8
"""Pictures of one frame of a live source without tracking, so that they cost no frames."""

MOST_DUE: Final = 8
"""Pictures of a live source that are named, but not drawn yet. Further defects have no picture."""

Rank = tuple[bool, bool, float, float]


@dataclass(frozen=True, slots=True)
class _Due:
    """A picture that must be drawn."""

    path: Path
    view: "_View"
    label: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class _View:
    """A defect in one frame. note: names the frame for the reader."""

    defect: Defect
    frame_id: int
    note: str
    part: CutOut

    @property
    def rank(self) -> Rank:
        return rank_view(self.defect)


def rank_view(defect: Defect) -> Rank:
    """Sorts the views of a defect as the tracker does, the best first: whole, refined, with a small
    relative uncertainty, with a high score. Of views that show only a part, the largest is first.
    """
    if defect.truncated:
        return True, False, -defect.area_px, 0.0
    u, area = defect.area_u_mm2, defect.area_mm2
    relative_u = u / area if u and area else 0.0
    return False, defect.size_source != "refined", relative_u, -defect.peak_score


class DefectPictureSink:
    """Saves a JPEG of each defect in `folder`; with tracking, of each track.

    A view is cut out while its frame is in memory. The picture is written before the lines that
    name it. On a live source write() draws it shortly after them, because they must not wait.
    write() may run on another thread than the other functions. A file is never removed or replaced,
    so that each line stays true. If a limit of the options is reached, later defects of the same
    severity have no picture. warnings: the limits that were reached.
    """

    name = "defect_pictures"

    def __init__(
        self, folder: Path, options: DefectPictureOptions, *, tracked: bool = False
    ) -> None:
        self._folder = folder
        self._options = options
        self._tracked = tracked
        self._most_bytes = options.max_mb * 1e6
        self._unit, self._live, self._prefix = "mm", False, ""
        self._views: dict[str, list[_View]] = {}
        self._view_bytes = 0
        self._counts: Counter[Severity] = Counter()
        self._bytes: Counter[Severity] = Counter()
        self._full: set[Severity] = set()
        self._due: deque[_Due] = deque()
        self._states: dict[Path, FileState | None] = {}
        self.warnings: list[str] = []

    def open(self, run: RunInfo) -> None:
        self._unit, self._live = run.unit, run.source.live
        self._prefix = f"{run.run_id}/{run.source_name}/"
        make_folder(self._folder)

    def complete(self, inspection: Inspection) -> Inspection:
        """Without tracking, saves a picture of each defect and adds their paths."""
        if not inspection.defects or inspection.frame.image is None:
            return inspection
        if self._tracked:
            for defect in inspection.defects:
                if defect.web is not None and defect.web.track_id is not None:
                    self._keep_best(defect.web.track_id, defect, inspection.frame)
            return inspection
        pictures = {}
        for defect in inspection.defects[: MOST_LIVE if self._live else None]:
            if self._has_room(defect.severity):
                name = f"frame_{inspection.frame_id:08d}_defect_{defect.defect_id}"
                label = format_label(defect, self._unit)
                view = _make_view(defect, inspection.frame)
                if path := self._save(name, view, label, defect.severity):
                    pictures[defect.defect_id] = path
        return replace(inspection, pictures=pictures)

    def complete_event(self, event: Event) -> Event:
        """Saves the picture of a closed track and adds its path."""
        if not isinstance(event, DefectClosed):
            return event
        tracks = (event.track_id, *event.merged_track_ids)
        views = [view for track in tracks for view in self._views.pop(track, ())]
        self._view_bytes -= sum(view.part.image.nbytes for view in views)
        if not views:
            return event
        best = [view for view in views if view.frame_id == event.best_frame_id]
        view = min(best or views, key=lambda view: view.rank)
        defect = event.defect or view.defect
        # A track of an earlier run has its prefix, and this run may have the same number again.
        name = event.track_id.removeprefix(self._prefix).replace("/", "_")
        if not self._has_room(defect.severity):
            return event
        label = format_label(defect, self._unit, name=name)
        return replace(event, picture=self._save(name, view, label, defect.severity))

    def write(self, inspection: Inspection, picture: Picture) -> None:
        self._draw_due()

    def take_states(self) -> Mapping[Path, FileState | None]:
        states, self._states = self._states, {}
        return states

    def interrupt(self) -> None:
        """Frees the views of open tracks, because no picture of them will be written."""
        self._views.clear()
        self._view_bytes = 0

    def close(self) -> None:
        self.interrupt()
        self._draw_due()

    def _keep_best(self, track: str, defect: Defect, frame: Frame | BadFrame) -> None:
        """Keeps a view in memory if it is among the best of its track."""
        views = self._views.setdefault(track, [])
        if len(views) == MOST_VIEWS and rank_view(defect) >= views[-1].rank:
            return
        view = _make_view(defect, frame)
        if len(views) == MOST_VIEWS:
            self._view_bytes -= views.pop().part.image.nbytes
        if self._view_bytes + view.part.image.nbytes > MOST_BYTES:
            self._warn(
                f"the pictures of open defects need more than {MOST_BYTES >> 20} MB of memory; "
                "some defects have no picture, or not the best"
            )
            return
        self._view_bytes += view.part.image.nbytes
        views.append(view)
        views.sort(key=lambda view: view.rank)

    def _has_room(self, severity: Severity) -> bool:
        """Whether no limit is reached yet."""
        if self._counts[severity] >= self._options.max_count:
            self._mark_full(severity, f"max_count ({self._options.max_count})")
        elif self._bytes[severity] >= self._most_bytes:
            self._mark_large(severity)
        return severity not in self._full

    def _save(self, name: str, view: _View, label: str, severity: Severity) -> str | None:
        """Returns the path relative to the folder of the run; None if a limit is reached."""
        due = _Due(self._folder / f"{name}.jpg", view, label, severity)
        if self._live and len(self._due) == MOST_DUE:
            self._warn("there are more defects than can be drawn; some have no picture")
            return None
        if self._live:
            self._due.append(due)
        elif not self._draw(due):
            return None
        self._counts[severity] += 1
        return f"{self._folder.name}/{due.path.name}"

    def _draw_due(self) -> None:
        """Draws the pictures of a live source that are named already, but none that is named
        meanwhile."""
        for _ in range(len(self._due)):
            self._draw(self._due.popleft())

    def _draw(self, due: _Due) -> bool:
        """Writes the picture. False if the limit of the size is reached, unless it is named."""
        picture = draw_close_up(due.view.part, due.view.defect, (due.label, due.view.note))
        data = encode_jpeg(picture, self._options.quality, due.path)
        if not self._live and self._bytes[due.severity] + len(data) > self._most_bytes:
            self._mark_large(due.severity)
            return False
        write_picture(due.path, data)
        self._states[due.path] = state_of(data)
        self._bytes[due.severity] += len(data)
        return True

    def _mark_large(self, severity: Severity) -> None:
        self._mark_full(severity, f"max_mb ({self._options.max_mb:g})")

    def _mark_full(self, severity: Severity, limit: str) -> None:
        self._full.add(severity)
        self._warn(
            f"{self._counts[severity]} defects of severity {severity.value} have a picture, the "
            f"others have none: output.defect_pictures.{limit} is reached"
        )

    def _warn(self, warning: str) -> None:
        """Logs each warning once."""
        if warning not in self.warnings:
            logger.warning("{}", warning)
            self.warnings.append(warning)


def _make_view(defect: Defect, frame: Frame | BadFrame) -> _View:
    assert frame.image is not None  # complete
    time = frame.wall_time_utc if frame.pts_s is None else f"{frame.pts_s:.3f} s"
    note = f"frame {frame.frame_id}, {frame.name or time}"
    return _View(defect, frame.frame_id, note, cut_out(frame.image, defect))
