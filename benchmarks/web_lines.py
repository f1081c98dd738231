"""A simulated line: a web with known defects, and its motion with every kind of disturbance."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from inspector.core.types import BadFrame, Frame
from inspector.tracking.motion import START, Motion, MotionState

HW = (480, 640)
MM_PER_PX = 0.1
FPS = 25.0


@dataclass(frozen=True, slots=True)
class WebDefect:
    """A true defect in web pixels (x across, y along). pieces: rectangles (x0, y0, x1, y1) that are
    connected, such as the legs and the bar of a U."""

    number: int
    pieces: tuple[tuple[float, float, float, float], ...]

    @property
    def low(self) -> float:
        return min(piece[1] for piece in self.pieces)

    @property
    def high(self) -> float:
        return max(piece[3] for piece in self.pieces)


def scatter(count: int, rng: np.random.Generator, *, spacing_px: float = 200.0) -> list[WebDefect]:
    """Spots, scratches (a few longer than the frame), close pairs and U shapes, two spacings apart
    from frame to frame at most; U shapes enter as two outlines."""
    defects: list[WebDefect] = []
    y = float(HW[0])
    while len(defects) < count:
        y += spacing_px * rng.uniform(0.6, 1.4)
        x = rng.uniform(40, HW[1] - 120)
        kind = rng.choice(["spot", "scratch", "long", "pair", "u"], p=[0.55, 0.2, 0.02, 0.13, 0.1])
        if kind in ("spot", "pair"):
            side = rng.uniform(4, 30)
            boxes = [((x, y, x + side, y + side * rng.uniform(0.5, 1.0)),)]
            if kind == "pair":
                gap = rng.uniform(6, 12)
                boxes.append(((x + side + gap, y + 2, x + side + gap + 9, y + 11),))
        elif kind == "u":
            wide, tall = rng.uniform(40, 80), rng.uniform(30, 70)
            legs = (x, y, x + 8, y + tall), (x + wide - 8, y, x + wide, y + tall)
            bar = (x, y + tall - 8, x + wide, y + tall)
            if rng.random() < 0.5:
                bar = (x, y, x + wide, y + 8)
            boxes = [(*legs, bar)]
            y += tall
        else:
            long = rng.uniform(60, 250) if kind == "scratch" else HW[0] * rng.uniform(1.1, 2.5)
            boxes = [((x, y, x + rng.uniform(2, 6), y + long),)]
            y += long
        for box in boxes[: count - len(defects)]:
            defects.append(WebDefect(len(defects), tuple(box)))
    return defects


@dataclass(slots=True)
class Line:
    """The way of the web at each captured frame, and which frames reached the program.

    positions: px of web that passed the first row, for every frame of the camera. dropped, lost:
    frames that did not arrive: with a number, and without one in a reconnect. kill: frame before
    which the program was killed; the numbers begin anew there. None: it was not.
    """

    positions: npt.NDArray[np.float64]
    dropped: npt.NDArray[np.bool_]
    lost: npt.NDArray[np.bool_]
    errored: npt.NDArray[np.bool_]
    kill: int | None = None
    numbers: npt.NDArray[np.int_] = field(init=False)

    def __post_init__(self) -> None:
        self.numbers = np.cumsum(~self.lost) - 1
        if self.kill is not None:
            self.numbers[self.kill :] -= self.numbers[self.kill - 1] + 1

    def runs(self) -> list[list[tuple[int, int, float, float]]]:
        """The frames of each run of the program."""
        frames = list(self.frames())
        if self.kill is None:
            return [frames]
        kill = self.kill
        parts = [f for f in frames if f[0] < kill], [f for f in frames if f[0] >= kill]
        return [part for part in parts if part]

    def frames(self) -> Iterator[tuple[int, int, float, float]]:
        """(index, frame_id, s, position) of each frame that arrived."""
        for index in np.flatnonzero(~(self.dropped | self.lost)).tolist():
            yield index, int(self.numbers[index]), index / FPS, float(self.positions[index])


KINDS = (
    *("none", "stops", "reverse", "speed changes", "dropped", "reconnects", "kill"),
    *("errors", "all"),
)


def make_line(kind: str, speed: float, length: float, rng: np.random.Generator) -> Line:
    """A run over `length` px of web. speed: px per frame. kind: one of KINDS."""
    steps = [np.full(20, speed)]
    every = kind == "all"
    while sum(part.sum() for part in steps) < length:
        steps.append(np.full(60, speed))
        if every or kind == "stops":
            steps += [_ramp(speed, 0), np.zeros(25), _ramp(0, speed)]
        if every or kind == "reverse":
            back = int(0.7 * HW[0] / speed)
            steps += [_ramp(speed, 0), np.full(max(back - 4, 1), -speed), _ramp(0, speed)]
        if every or kind == "speed changes":
            other = speed * rng.uniform(0.4, 1.1)
            steps += [_ramp(speed, other), np.full(30, other), _ramp(other, speed)]
    way = np.concatenate(steps)
    count = len(way)
    dropped, lost, errored = (np.zeros(count, bool) for _ in range(3))
    if every or kind == "dropped":
        dropped = rng.random(count) < 0.1
    if every or kind == "reconnects":
        for place in (count // 3, 2 * count // 3):
            lost[place : place + int(2 * FPS)] = True
    if every or kind == "errors":
        errored = rng.random(count) < 0.03
    kill = None
    if every or kind == "kill":
        kill = min(count // 2 + int(FPS), count - 3)
        lost[count // 2 : kill] = True  # until the program runs again
        dropped[kill : kill + 2] = errored[kill : kill + 2] = False
    dropped[:2] = errored[:2] = False
    dropped &= ~lost
    positions = np.concatenate(((0.0,), np.cumsum(way[1:])))
    return Line(positions, dropped, lost, errored & ~lost & ~dropped, kill)


def _ramp(start: float, end: float) -> npt.NDArray[np.float64]:
    return np.linspace(start, end, 6)[1:-1]


class TrueMotion:
    """Motion with a small error, as measured where consecutive frames overlap.

    positions: frame_id -> px. overlap: share of the view that two frames must have in common; None
    for an encoder, which always knows. Without overlap the state is as in PictureMotion.
    """

    def __init__(
        self,
        positions: dict[int, float],
        rng: np.random.Generator,
        *,
        scale: float,
        overlap: float | None,
        u_px: float = 0.05,
    ) -> None:
        self._positions, self._rng, self._scale = positions, rng, scale
        self._overlap, self._u_px = overlap, u_px
        self._last: tuple[float, float] | None = None
        self._speed: float | None = None
        self._error = 0.0
        self.encoder_mm: float | None = None

    def step(self, frame: Frame | BadFrame, *, usable: bool) -> Motion:
        position = self._positions[frame.frame_id]
        seconds = frame.pts_s or 0.0
        last, self._last = self._last, (position, seconds)
        if self._overlap is None:
            self.encoder_mm = position * self._scale
        if last is None:
            return START
        way, time = position - last[0], seconds - last[1]
        u = self._u_px * self._scale
        if self._overlap is None or abs(way) <= (1 - self._overlap) * HW[0]:
            error = self._u_px * self._rng.standard_normal()
            way += error - self._error
            self._error = error
            self._speed = way / time
            return Motion(way * self._scale, 0.0, u, MotionState.KNOWN)
        predicted = (self._speed or 0.0) * time
        u = 0.1 * abs(predicted) * self._scale
        known = self._speed is not None and u <= 0.03 * HW[0] * self._scale
        state = MotionState.ASSUMED if known else MotionState.UNKNOWN
        return Motion(predicted * self._scale, 0.0, u, state)
