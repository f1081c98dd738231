"""Collects the defects of a web and the lengths that were not inspected from the log of a run."""

import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from inspector.core.errors import DataError
from inspector.core.types import ON_FRAME, Severity
from inspector.outputs.folder import LOG
from inspector.outputs.json_log import iterate_records
from inspector.outputs.records import Record

MOST_DEFECTS: Final = 50_000
"""Defects that are collected, the newest. More are only counted, so that memory does not grow over
months."""


@dataclass(frozen=True, slots=True)
class RollDefect:
    """One defect on the web. Lengths are in the unit of the roll (mm or px), areas in its square.

    label: the end of the track id, such as d17. along, across: its centre. length, width, area: its
    size; length_u, width_u, area_u: expanded uncertainties (k = 2); None if they are not known.
    angle_deg: from the direction along the web to that of the length, towards across. truncated: no
    frame shows it whole. rough: its size comes from the anomaly map. extent: the box of web over
    which it was seen, (along from, along to, across from, across to); None in older logs.
    """

    track_id: str
    label: str
    severity: Severity
    along: float
    across: float
    length: float
    width: float
    area: float
    angle_deg: float
    length_u: float | None = None
    width_u: float | None = None
    area_u: float | None = None
    truncated: bool = False
    rough: bool = False
    extent: tuple[float, float, float, float] | None = None
    best_frame_id: int | None = None

    @property
    def span(self) -> tuple[float, float]:
        """Where it begins and ends along the web."""
        if self.truncated and self.extent is not None:
            return self.extent[0], self.extent[1]
        corners = [corner[0] for corner in self.outline]
        return min(corners), max(corners)

    @property
    def outline(self) -> list[tuple[float, float]]:
        """Corners (along, across) of a box with its size and direction.

        A defect that no frame shows whole has the box of web over which it was seen.
        """
        if self.truncated and self.extent is not None:
            low, high, left, right = self.extent
            return [(low, left), (high, left), (high, right), (low, right)]
        angle = math.radians(self.angle_deg)
        cos, sin = math.cos(angle), math.sin(angle)
        half, side = self.length / 2, self.width / 2
        return [
            (self.along + cos * u - sin * v, self.across + sin * u + cos * v)
            for u, v in ((-half, -side), (half, -side), (half, side), (-half, side))
        ]


@dataclass(frozen=True, slots=True)
class LostSpan:
    """A length of web, or a band across it, that was not inspected, and why."""

    start: float
    end: float
    cause: str


@dataclass(frozen=True, slots=True)
class Roll:
    """A web with its defects. All lengths are in unit: mm, or px without a calibration.

    name: for the title. lost: lengths that no frame inspected, in their order. bands: bands across
    the web that no frame can inspect. gaps: positions at which the motion was unknown.
    defect_count, lost_count: numbers of all, also of those that are not listed. lowest_count:
    lowest number of defects that is possible. inspected_area: None if the run did not end
    normally. complete: whether it did; otherwise lost is not known, and length is the end of the
    last defect.
    """

    name: str
    defects: tuple[RollDefect, ...]
    length: float
    width: float
    unit: str = "mm"
    lost: tuple[LostSpan, ...] = ()
    bands: tuple[LostSpan, ...] = ()
    gaps: tuple[float, ...] = ()
    defect_count: int = 0
    lowest_count: int = 0
    lost_count: int = 0
    inspected_area: float | None = None
    complete: bool = True


class RollCollector:
    """Takes the records of a run in their order. make() gives the roll."""

    def __init__(self, header: Record) -> None:
        tracking = header["config"].get("tracking") or {}
        self.tracked = bool(tracking.get("enabled"))
        self._direction = str(tracking.get("direction"))
        self._name = f"{header['source']}, run {header['run_id']}"
        self._closed: deque[RollDefect] = deque(maxlen=MOST_DEFECTS)
        self._count = 0
        self._open: dict[str, Mapping[str, Any]] = {}
        self._ledger: Record | None = None
        self._unit = "mm"

    def add(self, record: Record) -> None:
        """Records of other types are ignored."""
        match record["type"]:
            case "measured":
                self._see(record)
            case "defect_closed":
                self._close(record)
            case "ledger" if record["unit"] != "parts":
                self._ledger = record

    def make(self) -> Roll:
        # Defects of a killed run that were not closed. Some of them may be parts of one defect.
        still_open = [self._defect(seen["web"]["track_id"], seen) for seen in self._open.values()]
        defects = (*self._closed, *(defect for defect in still_open if defect is not None))
        count, lowest = self._count + len(self._open), self._count + bool(self._open)
        ledger = self._ledger
        if ledger is None:
            return replace(
                _without_ledger(self._name, defects, self._unit),
                defect_count=count,
                lowest_count=lowest,
            )
        unit = "px" if ledger["length_m"] is None else "mm"
        width = ledger.get(f"width_{unit}")
        if width is None:
            raise DataError(
                "the ledger of this log has no width of the web; the run was made by an older "
                "version"
            )
        along, scale = ("m", 1000.0) if unit == "mm" else ("px", 1.0)
        return Roll(
            name=self._name,
            defects=defects,
            length=ledger["total"] / width,
            width=width,
            unit=unit,
            lost=_spans(ledger["lengths_not_inspected"], along, scale),
            bands=_spans(ledger["bands_not_inspected"], unit, 1.0),
            gaps=tuple(scale * gap[f"at_{along}"] for gap in ledger["gaps"]),
            defect_count=count,
            lowest_count=ledger["defects_low"],
            lost_count=ledger["lengths_not_inspected_count"],
            inspected_area=ledger["inspected_once"] + ledger["inspected_more"],
        )

    def _see(self, record: Record) -> None:
        """Keeps the best sighting of each defect that is not closed yet."""
        for seen in record["defects"]:
            track_id = (seen.get("web") or {}).get("track_id")
            if track_id is None:
                continue
            best = self._open.get(track_id)
            if best is None or _rank(seen) > _rank(best):
                slim = {name: value for name, value in seen.items() if name != "polygons"}
                self._open[track_id] = slim | {"frame_id": record["frame_id"]}

    def _close(self, record: Record) -> None:
        for track_id in (record["track_id"], *record["merged_track_ids"]):
            self._open.pop(track_id, None)
        if record["defect"] is None:
            return
        self._count += 1
        values = {**record["defect"], "frame_id": record["best_frame_id"]}
        defect = self._defect(record["track_id"], values, record.get("extent"))
        if defect is not None:
            self._closed.append(defect)

    def _defect(
        self, track_id: str, values: Mapping[str, Any], extent: Mapping[str, float] | None = None
    ) -> RollDefect | None:
        web = values["web"]
        unit = "px" if web["y_m"] is None else "mm"
        self._unit = unit
        along = web["y_px"] if unit == "px" else 1000 * web["y_m"]
        return RollDefect(
            track_id=track_id,
            label=track_id.rpartition("/")[2],
            severity=Severity(values["severity"]),
            along=along,
            across=web[f"x_{unit}"],
            length=values[f"length_{unit}"],
            width=values[f"width_{unit}"],
            area=values["area_px" if unit == "px" else "area_mm2"],
            angle_deg=_angle_on_web(values["orientation_deg"], self._direction),
            length_u=values[f"length_expanded_u_{unit}"],
            width_u=values[f"width_expanded_u_{unit}"],
            area_u=values["area_expanded_u_px" if unit == "px" else "area_expanded_u_mm2"],
            truncated=values["truncated"],
            rough=values["size_source"] not in ON_FRAME,
            extent=None if extent is None else _read_extent(extent, unit),
            best_frame_id=values["frame_id"],
        )


def read_roll(folder: Path) -> tuple[Roll, Record]:
    """Reads the log of a run with tracking, also of a run that was killed or is not finished.

    folder: with the results of one source. Returns the roll and the header of the log. Raises
    DataError.
    """
    path = folder / LOG
    try:
        records = iterate_records(path)
        header = next(records)
        collector = RollCollector(header)
        if not collector.tracked:
            raise DataError(
                f"{path}: the run had no tracking, so its defects have no place on the "
                "web; set tracking.enabled"
            )
        for record in records:
            collector.add(record)
        return collector.make(), header
    except OSError as exc:
        raise DataError(f"{path} cannot be read: {exc.strerror}{_sources_hint(folder)}") from exc
    except KeyError as exc:
        raise DataError(f"{path} has a record without {exc}; an older version wrote it") from exc
    except DataError:
        raise
    except ValueError as exc:
        raise DataError(str(exc)) from exc


def _read_extent(extent: Mapping[str, float], unit: str) -> tuple[float, float, float, float]:
    name, scale = ("px", 1.0) if unit == "px" else ("m", 1000.0)
    return (
        scale * extent[f"y_from_{name}"],
        scale * extent[f"y_to_{name}"],
        extent[f"x_from_{unit}"],
        extent[f"x_to_{unit}"],
    )


def _sources_hint(folder: Path) -> str:
    """A part of a message for the folder of a run with several sources."""
    names = sorted(path.parent.name for path in folder.glob(f"*/{LOG}")) if folder.is_dir() else []
    return f"; name the folder of one source: {', '.join(names)}" if names else ""


def _rank(seen: Mapping[str, Any]) -> tuple[bool, bool, float]:
    return not seen["truncated"], seen["size_source"] in ON_FRAME, seen["area_px"]


def _spans(values: Iterable[Mapping[str, Any]], unit: str, scale: float) -> tuple[LostSpan, ...]:
    return tuple(
        LostSpan(scale * v[f"from_{unit}"], scale * v[f"to_{unit}"], v["cause"]) for v in values
    )


def _without_ledger(name: str, defects: tuple[RollDefect, ...], unit: str) -> Roll:
    """The roll of a run that did not end normally: as long and wide as its defects show."""
    ends = [defect.span[1] for defect in defects]
    sides = [corner[1] for defect in defects for corner in defect.outline]
    return Roll(
        name=name,
        defects=defects,
        length=max([1.0, *ends]),
        width=max([1.0, *sides]),
        unit=unit,
        complete=False,
    )


def _angle_on_web(orientation_deg: float, direction: str) -> float:
    """orientation_deg: in the frame, from x towards y. Along grows against the motion; across grows
    with x if the web moves up or down, else with y (inspector.tracking.plane)."""
    angle = math.radians(orientation_deg)
    x, y = math.cos(angle), math.sin(angle)
    along, across = {"down": (-y, x), "up": (y, x), "left": (x, y), "right": (-x, y)}[direction]
    return math.degrees(math.atan2(across, along)) % 180.0
