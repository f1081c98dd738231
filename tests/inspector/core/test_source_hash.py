"""Tests that the hash of a source changes with its files, and costs little for large ones."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from inspector.core.errors import SourceError
from inspector.core.source_hash import BLOCK, SAMPLES, hash_source
from inspector.core.types import BadFrame, Frame, SourceInfo


@dataclass
class Files:
    files: list[Path]

    @property
    def info(self) -> SourceInfo:
        return SourceInfo("x", False)

    def read(self) -> Frame | BadFrame | None:
        return None

    def close(self) -> None: ...


def write(path: Path, size: int) -> Path:
    path.write_bytes(bytes(k % 251 for k in range(size)))
    return path


LARGE = BLOCK * SAMPLES * 2


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def change_start(path: Path) -> None:
    path.write_bytes(b"x" + path.read_bytes()[1:])


def change_end(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"x")


@pytest.mark.parametrize("size", [1, 100, BLOCK, BLOCK + 1, LARGE])
@pytest.mark.parametrize("change", [cut, change_start, change_end])
def test_the_hash_changes_with_the_file(
    tmp_path: Path, size: int, change: Callable[[Path], None]
) -> None:
    path = write(tmp_path / "a.mp4", size)
    before = hash_source(Files([path]))
    assert before == hash_source(Files([path]))
    change(path)
    assert hash_source(Files([path])) != before


def test_the_order_the_names_and_the_number_of_files_count(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.png", 10), write(tmp_path / "b.png", 10)
    lists = ([a], [a, b], [b, a])
    assert len({hash_source(Files(each)) for each in lists}) == len(lists)


def test_a_file_with_another_name_is_the_same(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.mp4", 10), write(tmp_path / "b.mp4", 10)
    assert hash_source(Files([a])) == hash_source(Files([b]))


def test_a_source_without_files_has_no_hash(tmp_path: Path) -> None:
    assert hash_source(Files([])) is None


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"gone\.mp4 cannot be read"):
        hash_source(Files([tmp_path / "gone.mp4"]))
