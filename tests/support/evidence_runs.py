"""Short runs with the fake engine, whose results the tests of the evidence change."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from inspector.app import main
from inspector.core.arrays import Image
from inspector.core.chain import START, link

SECRET = "c0ffee" * 8
OTHER_SECRET = "decade" * 8


def product(seed: int, *, bad: bool) -> Image:
    """A grey picture with noise; a bad one has a dark spot."""
    rng = np.random.default_rng(seed)
    picture = rng.integers(150, 190, (96, 128, 3)).astype(np.uint8)
    if bad:
        cv2.circle(picture, (30 + seed % 60, 40), 9, (0, 0, 0), -1)
    return picture


def write_products(folder: Path, count: int, seed: int = 0) -> Path:
    """Pictures, of which every second one is bad."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        picture = product(seed + number, bad=number % 2 == 1)
        cv2.imwrite(str(folder / f"{number:04d}.png"), picture)
    return folder


def write_key(path: Path, secret: str = SECRET) -> Path:
    path.write_text(f"{secret}\n")
    return path


def make_run(
    folder: Path, *, frames: int = 10, seed: int = 0, evidence: Any = None, **sections: Any
) -> Path:
    """Inspects pictures and returns the folder with the results. A checkpoint after 4 frames."""
    values: dict[str, Any] = {
        "source": {"uri": str(write_products(folder / "pictures", frames, seed))},
        "engine": {"backend": "fake"},
        "output": {"dir": str(folder / "out"), "snapshots": {"max_count": 3}},
        "evidence": {"checkpoint_frames": 4} | (evidence or {}),
        "log": {"path": None},
    }
    path = folder / "line.yaml"
    path.write_text(yaml.safe_dump(values | sections))
    assert main(["--config", str(path)]) == 0
    return folder / "out"


def chain_again(out: Path, *, unsigned: bool = False) -> None:
    """Computes all chain values again, like somebody who changed the results and has no key.

    unsigned: also removes the signatures.
    """
    value = START
    lines = []
    for line in (out / "inspections.jsonl").read_bytes().splitlines():
        content = line[: line.rindex(b',"chain":')]
        if unsigned:
            content = re.sub(
                rb'"key_id":.*,"signature":.*', b'"key_id":null,"signature":null', content
            )
        value = link(value, content)
        lines.append(content + f',"chain":"{value}"}}\n'.encode())
    (out / "inspections.jsonl").write_bytes(b"".join(lines))
    summary = json.loads((out / "summary.json").read_text())
    del summary["chain"]
    signature = summary.pop("signature")
    summary["evidence"] |= {"lines": len(lines), "chain": value}
    if unsigned:
        summary["evidence"]["key_id"] = signature = None
    text = json.dumps(summary, indent=2, ensure_ascii=False)
    content = (
        f'{text.removesuffix(chr(10) + "}")},\n  "signature": {json.dumps(signature)}'.encode()
    )
    end = f',\n  "chain": "{link(value, content)}"\n}}\n'.encode()
    (out / "summary.json").write_bytes(content + end)


def edit_lines(out: Path, change: Callable[[list[bytes]], None]) -> None:
    """Changes the list of lines of the log; each has its line end."""
    lines = (out / "inspections.jsonl").read_bytes().splitlines(keepends=True)
    change(lines)
    (out / "inspections.jsonl").write_bytes(b"".join(lines))


def replace_in(lines: list[bytes], at: int, old: bytes, new: bytes) -> None:
    assert old in lines[at]
    lines[at] = lines[at].replace(old, new, 1)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run in `out`, its key in `key`, and the copies of its checkpoints in
    `copies`."""
    folder = tmp_path_factory.mktemp("run")
    key = write_key(folder / "key")
    (folder / "copies").mkdir()
    evidence = {"key_file": str(key), "checkpoint_dir": str(folder / "copies")}
    make_run(folder, frames=10, evidence=evidence)
    return folder


@pytest.fixture
def out(original: Path, tmp_path: Path) -> Path:
    """A copy of the results, which a test may change."""
    return Path(shutil.copytree(original / "out", tmp_path / "out"))
