"""The command threshold: rates and simulated defects after a change."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from engine_parts import part, parts

import learning
from engines.power_description import share_found
from engines.spec import EngineSpec
from engines.spec_file import read_spec
from tools.threshold import main as threshold


@pytest.fixture(scope="module")
def fitted(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("fitted") / "e.onnx"
    return learning.fit(parts(9), "rad", out, threads=1).path


@pytest.fixture
def engine(fitted, tmp_path) -> Path:
    return Path(shutil.copy(fitted, tmp_path / "e.onnx"))


def folder_of(place: Path, seeds: range) -> Path:
    place.mkdir()
    for seed in seeds:
        cv2.imwrite(str(place / f"{seed}.png"), part(seed)[:, :, ::-1])
    return place


def failing(spec: EngineSpec) -> int:
    """Simulated defects that reach the image threshold."""
    scores = [score for kind in spec.power for score in kind.parameters["scores"]]
    return int(np.count_nonzero(np.float32(scores) >= np.float32(spec.image_threshold)))


@pytest.mark.parametrize(
    "options",
    [
        ("--set", "image=1e-4"),
        ("--set", "image=100"),
        ("--set", "pixel=0.5"),
        ("--refit",),
        ("--refit", "--rule", "mean_sigma", "--k", "0.5"),
    ],
)
def test_simulated_defects_are_counted_again(engine, options):
    before = read_spec(engine)
    assert threshold([str(engine), *options]) == 0
    spec = read_spec(engine)
    detected = sum(point.detected for kind in spec.power for point in kind.points)
    assert detected == failing(spec)
    assert [kind.kind for kind in spec.power] == [kind.kind for kind in before.power]
    if options == ("--set", "image=1e-4"):
        assert detected == sum(p.simulated for kind in spec.power for p in kind.points)
    if options == ("--set", "image=100"):
        assert detected == 0
        assert all(kind.smallest_px is None for kind in spec.power)


def test_new_pictures_make_a_new_table_of_rates(engine, tmp_path):
    folder = folder_of(tmp_path / "new", range(100, 120))
    assert [row.rate for row in read_spec(engine).rates] == [0.1]
    assert threshold([str(engine), "--refit", "--normal", str(folder), "--threads", "1"]) == 0
    rates = read_spec(engine).rates
    assert [row.rate for row in rates] == [0.05, 0.1]
    assert all(row.detected is not None for row in rates)


def test_the_tables_show_rates_and_the_share_of_simulated_defects(engine, capsys):
    threshold([str(engine)])
    lines = capsys.readouterr().out.splitlines()
    spec = read_spec(engine)
    row = spec.rates[0]
    rate = next(line.split() for line in lines if line.startswith("10% "))
    assert rate[1:] == [f"{row.image_threshold:.4f}", f"{row.promise:.1%}", f"{row.detected:.1%}"]
    assert any(line.startswith("chosen 10.0%") for line in lines)
    now = next(line.split() for line in lines if line.startswith("now "))
    assert now[3] == f"{share_found(spec):.1%}"
    assert {"robust", "conformal", "percentile"} <= {line.split()[0] for line in lines if line}
