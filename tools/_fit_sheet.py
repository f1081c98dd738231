"""Writes the pages beside a new engine and says where to look: contact sheet, and choice."""

from pathlib import Path
from typing import Final

import numpy as np

from evaluation.report.selection_page import write_selection_page
from inspector.core.arrays import Image
from learning.contact_sheet import SheetPicture, sort_by_score, write_sheet
from learning.fit_record import DROPPED, fit_record_path, read_fit_record
from learning.foreground.finding import LearnedForeground
from learning.job import EngineResult
from learning.normals import Normals

SUFFIX: Final = ".sheet.png"
SELECTION_SUFFIX: Final = ".selection.html"

BACKGROUND: Final = 0.3
"""Brightness of the background, if there is a foreground."""

NAMED: Final = 3
"""Pictures that the sentence names if none stands out; a warning names those that do."""


def write_pages(result: EngineResult, normals: Normals, cut: int | None) -> dict[str, str]:
    """Writes the contact sheet and, if the settings were chosen by trials, NAME.selection.html.
    Returns a sentence for each, by its name. See make_sheet."""
    pages = {}
    if result.choice is not None:
        path = result.path.with_name(result.path.stem + SELECTION_SUFFIX)
        write_selection_page(path, result.spec.name, result.choice)
        pages["settings"] = f"{result.choice.selection.reason}; {path} shows what was tried"
    return {**pages, "contact sheet": make_sheet(result, normals, cut)}


def make_sheet(result: EngineResult, normals: Normals, cut: int | None) -> str:
    """Writes NAME.sheet.png beside the engine, and returns a sentence that says where to look.

    normals: those that were fitted or scored. cut: see learning.scenes.
    """
    path = sheet_path(result.path)
    pictures = _pictures(result, normals)
    spec = result.spec
    title = f"{spec.name}: {len(pictures)} good pictures of {normals.name}"
    if spec.foreground is not None:
        title += "; dark parts are background and are not judged"
    write_sheet(path, title, pictures, spec.image_threshold, cut=cut)
    if result.suspects:
        return f"{path}; the pictures that stand out are its first ones: look at them"
    most_unlike = sort_by_score(pictures)[:NAMED]
    names = ", ".join(f"{each.name} ({_score(each)})" for each in most_unlike)
    return f"{path}; look at the good pictures most unlike the others: {names}"


def sheet_path(engine: Path) -> Path:
    return engine.with_name(engine.stem + SUFFIX)


def _pictures(result: EngineResult, normals: Normals) -> list[SheetPicture]:
    record = read_fit_record(fit_record_path(result.path), result.spec)
    # The masks are of the pictures at the engine's input.
    read = normals if result.choice is None else result.choice.normals
    pixels = dict(zip(read.names, read.pixels, strict=True))
    return [
        SheetPicture(
            name=picture.name,
            pixels=_darken(pixels[picture.name], result.foreground),
            score=picture.score,
            stands_out=picture.name in result.suspects,
            dropped=picture.role == DROPPED,
        )
        for picture in record.pictures
        if picture.name in pixels
    ]


def _darken(pixels: Image, foreground: LearnedForeground | None) -> Image:
    """Darkens the background. pixels: (H, W, 3) uint8 RGB."""
    if foreground is None:
        return pixels
    brightness = BACKGROUND + (1 - BACKGROUND) * foreground.masks(pixels[None])[0]
    return np.asarray(pixels * brightness[..., None], np.uint8)


def _score(picture: SheetPicture) -> str:
    return "no score" if picture.score is None else f"score {picture.score:.3g}"
