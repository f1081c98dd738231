"""Hash of the pictures of a data set."""

import dataclasses
from pathlib import Path

from learning.datasets.fingerprint import pictures_hash
from learning.datasets.types import Sample


def test_the_hash_depends_on_names_kinds_sizes_and_masks(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"12")
    (tmp_path / "mask.png").write_bytes(b"3")
    (tmp_path / "longer.png").write_bytes(b"123")
    sample = Sample("a.png", tmp_path / "a.png", "good", "test")
    hashes = {
        pictures_hash(samples)
        for samples in (
            [sample],
            [],
            [sample, sample],
            [dataclasses.replace(sample, kind="hole")],
            [dataclasses.replace(sample, path=tmp_path / "longer.png")],
            [dataclasses.replace(sample, masks=(tmp_path / "mask.png",))],
            [dataclasses.replace(sample, masks=(tmp_path / "missing.png",))],
            [dataclasses.replace(sample, name="b.png")],
        )
    }
    assert len(hashes) == 8
