"""Tests that a picture is read once, even if several names or linked folders lead to it."""

import os
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from loguru import logger

from inspector.core.picture_files import pictures_below, pictures_of
from inspector.core.types import BadFrame
from inspector.sources.image_folder import ImageFolderSource
from inspector.sources.options import ImageFolderOptions
from learning.normals import from_glob


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """in/1.png, in/day/2.png, in/day/deep/3.png, and two links from each folder back to in."""
    for number, place in enumerate(("in", "in/day", "in/day/deep")):
        folder = tmp_path / place
        folder.mkdir()
        cv2.imwrite(str(folder / f"{number + 1}.png"), np.full((48, 64), 50 * number, np.uint8))
        for link in ("back", "again"):
            (folder / link).symlink_to(tmp_path / "in")
    return tmp_path / "in"


@pytest.mark.parametrize("pattern", ["**/*.png", "**", "**/**/*.png", "**/back/**/*.png"])
def test_a_recursive_glob_through_links_names_each_picture_once(tree, pattern):
    start = time.monotonic()
    paths = pictures_of(str(tree / pattern))
    assert sorted(path.name for path in paths) == ["1.png", "2.png", "3.png"]
    assert time.monotonic() - start < 2
    source = ImageFolderSource(str(tree / pattern), ImageFolderOptions())
    assert source.info.frame_count == 3
    assert len(from_glob(str(tree / pattern), input_hw=(32, 32)).names) == 3


def test_a_recursive_glob_starts_at_the_working_folder(tree, monkeypatch):
    monkeypatch.chdir(tree)
    assert [str(path) for path in pictures_of("**/*.png")] == [
        "1.png",
        os.path.join("day", "2.png"),
        os.path.join("day", "deep", "3.png"),
    ]
    assert [path.name for path in pictures_of("day/**/[23].png")] == ["2.png", "3.png"]
    assert [path.name for path in pictures_of("*/**/*.png")] == ["1.png", "2.png", "3.png"]


def test_a_folder_that_is_linked_once_is_entered(tree, tmp_path):
    (tmp_path / "top").mkdir()
    (tmp_path / "top" / "link").symlink_to(tree)
    paths = pictures_of(str(tmp_path / "top" / "**" / "*.png"))
    assert [path.name for path in paths] == ["1.png", "2.png", "3.png"]
    assert len(list(pictures_below(tmp_path / "top"))) == 3


@pytest.mark.parametrize("pattern", ["", "*.png"])
def test_names_of_one_picture_count_once_with_a_warning(tree, pattern):
    (tree / "4.png").symlink_to(tree / "1.png")
    (tree / "5.png").symlink_to(tree / "day" / "2.png")
    lines: list[str] = []
    handle = logger.add(lines.append, format="{message}")
    paths = pictures_of(str(tree / pattern))
    logger.remove(handle)
    assert [path.name for path in paths] == ["1.png", "5.png"]
    assert "1 of 3 names are links" in lines[-1]


def test_a_link_to_a_missing_picture_is_not_lost(tree):
    (tree / "0.png").symlink_to(tree / "nowhere.png")
    source = ImageFolderSource(str(tree), ImageFolderOptions())
    first = source.read()
    assert isinstance(first, BadFrame)
    assert "0.png cannot be read: No such file" in first.error
    assert source.read().name == "1.png"
