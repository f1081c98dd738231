"""The command train: options, refusals and the files in its folder."""

import hashlib
import json
import os
import sys

import cv2
import numpy as np
import pytest
from train_parts import HW, class_folder, picture, train

from engines.spec import ResizeRule
from inspector.core.errors import ConfigError, DataError
from learning.methods.glass.training.las import Synthesis
from learning.methods.glass.training.options import FASTER_RATE, PUBLISHED_RATE
from learning.methods.glass.training.sheet import SHEET, write_sheet
from learning.methods.glass.training.textures import BuiltInTextures
from learning.normals import Normals
from learning.training import _digest
from learning.training_folder import LOG, REQUEST, EpochLog, claim, refuse_other
from tools._train_options import chosen_trainer, make_parser
from tools.fit import main as fit

LEAST = ["--method", "glass", "--data", "d", "--out", "o"]


def normals(count, ordered=False):
    pixels = np.stack([picture(seed) for seed in range(count)])
    names = tuple(f"{index}.png" for index in range(count))
    return Normals("bars", pixels, names, HW, ResizeRule(HW), ordered)


def trainer(words):
    argv = [*LEAST, *words]
    return chosen_trainer(make_parser(argv).parse_args(argv))


def test_a_missing_torch_is_one_sentence_with_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "learning.methods.glass.training.run", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert train(class_folder(tmp_path), tmp_path / "out") == 2
    assert capsys.readouterr().err == "error: training needs torch: pip install '.[train]'\n"
    assert not (tmp_path / "out").exists()


def test_pictures_whose_names_are_not_utf8_get_a_digest():
    digest = _digest(os.fsdecode(b"\xff.png"), "a.png")
    expected = hashlib.sha256(b"\xff.png\na.png").hexdigest()
    assert digest == f"2, sha256 {expected[:16]}"


def test_fitting_refuses_glass(tmp_path, capsys):
    with pytest.raises(SystemExit):
        fit(["--method", "glass", "--normal", str(tmp_path), "--out", "e.onnx"])
    error = capsys.readouterr().err
    assert "invalid choice: 'glass'" in error
    assert "tools.train --method glass`" in error or "train --method glass`" in error


def test_every_option_of_the_training_reaches_it():
    counts = {"epochs": 7, "batch": 3, "limit": 50, "steps": 10, "dims": 20, "hidden": 9, "seed": 4}
    shares = {"noise": 0.1, "step-size": 0.01, "radius": 0.5, "p": 0.25, "learning-rate": 0.01}
    rest = {"eval-every": 2, "patience": 3, "threads": 2, "patch-norm": 3, "cache-gb": 0.5}
    arguments = counts | shares | rest | {"distribution": "manifold", "device": "cuda"}
    words = [word for key, value in arguments.items() for word in (f"--{key}", str(value))]
    options = trainer([*words, "--no-mining", "--amp"])
    fields = {"p": "hard", "eval-every": "every", "cache-gb": "cache_bytes"}
    for key, value in arguments.items():
        option = getattr(options, fields.get(key, key.replace("-", "_")))
        assert option == (500_000_000 if key == "cache-gb" else value)
    assert options.amp
    assert not options.mining


def test_the_published_settings_are_the_defaults():
    arguments = make_parser(LEAST).parse_args(LEAST)
    options = chosen_trainer(arguments)
    assert (options.epochs, options.batch, options.limit, options.steps) == (640, 8, 392, 20)
    assert (options.noise, options.step_size, options.radius) == (0.015, 0.001, 0.75)
    assert (options.hard, options.mining, options.distribution) == (0.5, True, "auto")
    assert arguments.size == 288


@pytest.mark.parametrize("gigabytes", ["nan", "inf", "-1", "much"])
def test_a_bad_cache_size_is_refused(gigabytes, capsys):
    with pytest.raises(SystemExit):
        make_parser(LEAST).parse_args([*LEAST, "--cache-gb", gigabytes])
    assert "--cache-gb" in capsys.readouterr().err


def test_the_help_names_the_learning_rates_that_are_taken():
    help_text = " ".join(make_parser(LEAST).format_help().split())
    assert f"default: {PUBLISHED_RATE} for wide_resnet50_2, else {FASTER_RATE}" in help_text


@pytest.mark.parametrize("size", ["288x", "big", "16", "10x10x10", "99999"])
def test_a_bad_size_is_refused(size, capsys):
    with pytest.raises(SystemExit):
        make_parser(LEAST).parse_args([*LEAST, "--size", size])
    assert "--size" in capsys.readouterr().err


def test_a_folder_of_another_training_is_refused_by_what_differs(tmp_path):
    refuse_other(tmp_path, {"size": (64, 96)})
    claim(tmp_path, {"size": (64, 96), "seed": 0})
    refuse_other(tmp_path, {"size": (64, 96), "seed": 0})
    with pytest.raises(ConfigError, match=r"another size: \[64, 96\], not \[32, 96\]"):
        refuse_other(tmp_path, {"size": (32, 96), "seed": 0})
    (tmp_path / REQUEST).write_text("[1")
    with pytest.raises(DataError, match="cannot be read"):
        refuse_other(tmp_path, {})


def test_the_log_loses_lines_that_are_written_again_after_a_stop(tmp_path):
    log = EpochLog(tmp_path)
    for epoch in (1, 2, 3):
        log.add(epoch, {"loss/total": float(epoch)})
    again = EpochLog(tmp_path)
    again.add(2, {"loss/total": 7.0})
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert lines == [{"epoch": 1, "loss/total": 1.0}, {"epoch": 2, "loss/total": 7.0}]
    for damaged in ("no json", "[1]", '{"loss": 1}', '{"epoch": "two"}'):
        (tmp_path / LOG).write_text(damaged + "\n")
        with pytest.raises(DataError, match=r"log\.jsonl cannot be read"):
            EpochLog(tmp_path)


def test_the_sheet_shows_defects_and_their_outlines(tmp_path):
    pixels = normals(3).pixels
    write_sheet(tmp_path, pixels, None, Synthesis(BuiltInTextures()), seed=0)
    sheet = cv2.imread(str(tmp_path / SHEET))
    assert sheet.shape == (2 * HW[0], 12 * HW[1], 3)
    above, below = sheet[: HW[0]], sheet[HW[0] :]
    changed = (above != below).any(axis=2)
    assert changed.any()
    assert (below[changed] == (0, 255, 0)).all()
