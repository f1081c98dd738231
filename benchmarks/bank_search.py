"""Measures what searching a bank costs, and whether the search with 8-bit codes changes anything.

python -m benchmarks.bank_search [--data DIR] compares every engine with one whose bank is searched
in float32, and is otherwise the same, in turns on one thread. Without --data the pictures are
frames of a moving web and the bank grows; with it they are the classes of DIR with all defaults,
and every test picture is compared by both engines.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import numpy as np
import onnxruntime as ort

from benchmarks import clips
from engines.resize import to_input
from engines.spec import ResizeRule
from inspector.core.arrays import Image
from learning.backbones.zoo import DEFAULT, resolve
from learning.checking import alter_pictures
from learning.datasets.layouts import load
from learning.datasets.pictures import read_picture
from learning.graph import coarse
from learning.graph.assemble import build_graph
from learning.graph.maps import MapCanvas
from learning.methods.base import Method
from learning.methods.feature_source import SourceRequest
from learning.methods.registry import make_method
from learning.normals import from_folder

METHODS = ("patchcore", "whitened")
ROWS = (500, 1000, 2000, 4000, 8000, 16000)
INPUT_HW = (256, 448)
FRAMES = 30
ALTERED = 12
ROUNDS = 9
NEVER = 1 << 62
"""Rows from which codes are used, so that they are not."""

Sessions = dict[str, ort.InferenceSession]


def fit(method: Method[Any], pixels: Image) -> Any:
    hw = (pixels.shape[1], pixels.shape[2])
    with method.open_source(SourceRequest(resolve(DEFAULT), hw, threads=1)) as source:
        parts = [method.embed(source.extract(picture[None])) for picture in pixels]
    joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    return method.fit(joined, 0)


def open_both(method: Method[Any], model: Any, hw: tuple[int, int]) -> Sessions:
    """Sessions of the same engine, by how its bank is searched."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    canvas = MapCanvas(hw, top_fraction=method.top_fraction or 0.0)
    sessions = {}
    with method.open_source(SourceRequest(resolve(DEFAULT), hw, threads=1)) as source:
        for name, least in (("float32", NEVER), ("codes", coarse.LEAST_ROWS)):
            with mock.patch.object(coarse, "LEAST_ROWS", least):
                graph, _ = build_graph(
                    source.graph,
                    lambda features: method.head(model, features, canvas),
                    opset=source.opset,
                    input_hw=hw,
                    map_hw=hw,
                )
            content = graph.SerializeToString()
            sessions[name] = ort.InferenceSession(content, options, ["CPUExecutionProvider"])
    return sessions


def cpu_ms(sessions: Sessions, pixels: Image) -> dict[str, float]:
    """Median CPU milliseconds per picture. The first round is not counted."""
    spent: dict[str, list[float]] = {name: [] for name in sessions}
    for index in range(ROUNDS + 1):
        picture = pixels[index % len(pixels)][None]
        for name, session in sessions.items():
            start = time.process_time()
            session.run(None, {"pixels": picture})
            spent[name].append(1e3 * (time.process_time() - start))
    return {name: median(times[1:]) for name, times in spent.items()}


def differences(sessions: Sessions, pixels: Image) -> tuple[float, float]:
    """Largest differences of map and score, as shares of the largest value of all pictures."""
    results = [
        [s.run(None, {"pixels": picture[None]}) for s in sessions.values()] for picture in pixels
    ]
    shares = []
    for kind in (0, 1):
        apart = max(float(np.abs(a[kind] - b[kind]).max()) for a, b in results)
        shares.append(apart / max(float(a[kind].max()) for a, _ in results))
    return shares[0], shares[1]


def compare(name: str, method: Method[Any], pixels: Image, compared: Image) -> dict[str, Any]:
    """Prints a row of the table and returns it."""
    model = fit(method, pixels)
    sessions = open_both(method, model, (pixels.shape[1], pixels.shape[2]))
    times = cpu_ms(sessions, compared)
    of_map, of_score = differences(sessions, compared)
    print(
        f"{method.name:11}{name:11}{len(model.bank):7}{model.bank.nbytes / 1e6:8.1f}"
        f"{times['float32']:9.1f}{times['codes']:8.1f}{times['codes'] / times['float32']:7.2f}"
        f"{len(compared):10}{of_map:9.1e}{of_score:9.1e}",
        flush=True,
    )
    row = {
        "method": method.name,
        "pictures": name,
        "rows": len(model.bank),
        "compared": len(compared),
    }
    return row | {"cpu_ms": times, "of_map": of_map, "of_score": of_score}


def web_frames(count: int) -> Image:
    rule = ResizeRule(INPUT_HW)
    frames = clips.frames((720, 1280), count, 0.0, seed=91)
    return np.stack([to_input(frame, rule)[0] for frame in frames])


def compare_sets(folder: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    rows = []
    for name in names:
        normals = from_folder(folder / name / "train" / "good")
        (data,) = load(folder / name, None)
        pictures = [read_picture(sample.path) for sample in data.tests()]
        compared = np.stack([to_input(p, normals.rule)[0] for p in pictures if p is not None])
        for method in METHODS:
            rows.append(compare(name, make_method(method, {}), normals.pixels, compared))
    return rows


def compare_sizes() -> list[dict[str, Any]]:
    pixels = web_frames(FRAMES)
    compared = alter_pictures(pixels, ALTERED, 0)
    return [
        compare(
            "web", make_method("patchcore", {"coreset": 0.0, "most_rows": rows}), pixels, compared
        )
        for rows in ROWS
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of class folders")
    parser.add_argument("--sets", nargs="+", default=["cookie", "ballscrew", "cubes"])
    arguments = parser.parse_args()
    print(
        f"{'method':11}{'pictures':11}{'rows':>7}{'MB':>8}{'float32':>9}{'codes':>8}{'ratio':>7}"
        f"{'compared':>10}{'map':>9}{'score':>9}   CPU ms a picture; largest differences"
    )
    if arguments.data is None:
        rows = compare_sizes()
    else:
        rows = compare_sets(arguments.data, arguments.sets)
    print(json.dumps({"bank_search": rows}))


if __name__ == "__main__":
    main()
