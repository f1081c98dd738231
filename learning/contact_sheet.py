"""Draws the good pictures of an engine, sorted by their scores, below a plot of the scores."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from inspector.core.arrays import Image
from inspector.core.errors import EngineError
from inspector.core.files import write_whole
from inspector.core.picture_grid import BACKGROUND, join_rows

WIDTH: Final = 1600
COLUMNS: Final = 8
GAP: Final = 6
MOST_TILES: Final = 96
HIGHEST: Final = 64
"""Of more than MOST_TILES pictures, these and an even choice of the others are shown."""

LONGEST_TILE: Final = 1.5
"""Highest ratio of the height of a tile to its width."""

PLOT_HEIGHT: Final = 280
MARGIN: Final = 64
LINE: Final = 22
"""Height of a line of text, px."""

INK, GREY = (230, 230, 230), (150, 150, 150)
RED, ORANGE, BLUE = (80, 80, 255), (60, 170, 255), (255, 170, 80)
"""BGR."""

ORDER_MARKS: Final = 5
"""Numbers below the axis of the plot."""


@dataclass(frozen=True, slots=True)
class SheetPicture:
    """A good picture. pixels: (H, W, 3) uint8 RGB. score: None if it was not scored. stands_out:
    its score is far above the others. dropped: it was not used."""

    name: str
    pixels: Image
    score: float | None
    stands_out: bool = False
    dropped: bool = False


def write_sheet(
    path: Path,
    title: str,
    pictures: Sequence[SheetPicture],
    threshold: float,
    *,
    cut: int | None = None,
) -> None:
    """Writes a PNG. pictures: in the order in which they were recorded. cut: the first picture of a
    second scene. Raises EngineError if the file cannot be written."""
    done, content = cv2.imencode(".png", draw_sheet(title, pictures, threshold, cut=cut))
    if not done:
        raise EngineError(f"contact sheet {path} cannot be stored as PNG")
    write_whole(path, content.tobytes(), "contact sheet ", EngineError)


def draw_sheet(
    title: str, pictures: Sequence[SheetPicture], threshold: float, *, cut: int | None = None
) -> Image:
    """(H, W, 3) uint8 BGR, WIDTH px wide."""
    ranked = sort_by_score(pictures)
    shown = _choose(ranked)
    head = [
        _text(title, WIDTH, INK, 0.6),
        _text(_subtitle(len(shown), len(ranked), threshold), WIDTH, GREY, 0.5),
        _plot(pictures, threshold, cut),
    ]
    tiles = [_tile(rank, ranked[rank], len(ranked)) for rank in shown]
    rows = [tiles[start : start + COLUMNS] for start in range(0, len(tiles), COLUMNS)]
    return join_rows([*([part] for part in head), [join_rows(rows, GAP)]], GAP)


def sort_by_score(pictures: Sequence[SheetPicture]) -> list[SheetPicture]:
    """Dropped pictures first, then from the highest score to the lowest, then those without."""

    def key(picture: SheetPicture) -> tuple[bool, float]:
        return not picture.dropped, -math.inf if picture.score is None else picture.score

    return sorted(pictures, key=lambda each: (key(each)[0], -key(each)[1]))


def _choose(ranked: Sequence[SheetPicture]) -> list[int]:
    """The ranks that are shown."""
    count = len(ranked)
    if count <= MOST_TILES:
        return list(range(count))
    others = np.linspace(HIGHEST, count - 1, MOST_TILES - HIGHEST)
    return [*range(HIGHEST), *(round(rank) for rank in others)]


def _subtitle(shown: int, count: int, threshold: float) -> str:
    which = (
        f"all {count} pictures"
        if shown == count
        else f"the {HIGHEST} highest of {count} pictures and {shown - HIGHEST} of the others"
    )
    return (
        f"{which}, from the highest score to the lowest; image threshold {threshold:.4g} (red); "
        "orange: stands out"
    )


def _colour(picture: SheetPicture) -> tuple[int, int, int]:
    return ORANGE if picture.stands_out or picture.dropped else BLUE


def _tile(rank: int, picture: SheetPicture, count: int) -> Image:
    width = (WIDTH - (COLUMNS - 1) * GAP) // COLUMNS
    height, pixels_width = picture.pixels.shape[:2]
    ratio = height / pixels_width
    tile_height = max(1, round(width * min(ratio, LONGEST_TILE)))
    tile_width = max(1, min(width, round(tile_height / ratio)))
    view = cv2.resize(picture.pixels, (tile_width, tile_height), interpolation=cv2.INTER_AREA)
    tile = np.full((tile_height + 2 * LINE + 6, width, 3), BACKGROUND, np.uint8)
    left = (width - tile_width) // 2
    tile[3 : 3 + tile_height, left : left + tile_width] = view[..., ::-1]
    colour = _colour(picture)
    if colour == ORANGE:
        cv2.rectangle(tile, (1, 1), (width - 2, tile_height + 4), ORANGE, 3)
    score = "no score" if picture.score is None else f"{picture.score:.4g}"
    state = " left out" if picture.dropped else " stands out" if picture.stands_out else ""
    tile[-2 * LINE : -LINE] = _text(f"{rank + 1}  {score}{state}", width, colour, 0.5)
    tile[-LINE:] = _text(picture.name, width, GREY, 0.42)
    return tile


def _plot(pictures: Sequence[SheetPicture], threshold: float, cut: int | None) -> Image:
    """The scores in the order of the pictures, so that a hand or a second scene shows up."""
    out = np.full((PLOT_HEIGHT, WIDTH, 3), BACKGROUND, np.uint8)
    scores = [picture.score for picture in pictures if picture.score is not None]
    top = 1.1 * max([threshold, *scores])
    x0, x1, y0, y1 = MARGIN, WIDTH - 20, 12, PLOT_HEIGHT - 34

    def place(index: float, score: float) -> tuple[int, int]:
        across = index / max(1, len(pictures) - 1)
        return round(x0 + across * (x1 - x0)), round(y1 - score / top * (y1 - y0))

    cv2.rectangle(out, (x0, y0), (x1, y1), (70, 70, 70), 1)
    cv2.line(out, place(0, threshold), place(len(pictures) - 1, threshold), RED, 1)
    _put(out, f"{threshold:.3g}", (4, place(0, threshold)[1] + 5), RED)
    _put(out, "0", (MARGIN - 16, y1 + 4), GREY)
    for index in np.unique(np.linspace(0, len(pictures) - 1, ORDER_MARKS).round().astype(int)):
        label = str(index + 1)
        left = place(index, 0)[0] - 5 * len(label)
        _put(out, label, (left, PLOT_HEIGHT - 16), GREY)
    _put(out, "pictures in their order", (WIDTH // 2 + 60, PLOT_HEIGHT - 16), GREY)
    if cut is not None:
        cv2.line(out, place(cut - 0.5, 0), place(cut - 0.5, top), ORANGE, 2)
        _put(out, "second scene", (place(cut - 0.5, 0)[0] + 8, y0 + 16), ORANGE)
    for index, picture in enumerate(pictures):
        if picture.score is not None:
            cv2.circle(out, place(index, picture.score), 4, _colour(picture), -1, cv2.LINE_AA)
    return out


def _text(text: str, width: int, colour: tuple[int, int, int], scale: float) -> Image:
    """A line of text, shortened in the middle to fit."""
    out = np.full((LINE, width, 3), BACKGROUND, np.uint8)
    shown = plain = text.encode("ascii", "replace").decode()
    while _width(shown, scale) > width - 6 and len(plain) > 4:
        plain = plain[: len(plain) // 2 - 1] + plain[len(plain) // 2 + 1 :]
        shown = plain[: len(plain) // 2] + ".." + plain[len(plain) // 2 :]
    _put(out, shown, (3, 15), colour, scale)
    return out


def _width(text: str, scale: float) -> int:
    return int(cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)[0][0])


def _put(
    out: Image, text: str, at: tuple[int, int], colour: tuple[int, int, int], scale: float = 0.45
) -> None:
    cv2.putText(out, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, 1, cv2.LINE_AA)
