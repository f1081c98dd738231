"""Short trainings with the command train, on generated pictures."""

import json
import signal
import subprocess

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from train_parts import (  # noqa: E402
    HW,
    ROOT,
    SHORT,
    class_folder,
    command,
    environment,
    picture,
    train,
)

from engines.opening import open_engine  # noqa: E402
from engines.spec_file import read_spec  # noqa: E402
from inspector.core.files import sole_writer  # noqa: E402
from learning.methods.glass.training import options  # noqa: E402
from tools import _train_watch  # noqa: E402

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return class_folder(tmp_path_factory.mktemp("data"), tests=True)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained") / "bars"
    assert train(data, out) == 0
    return out


def lines(out):
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def networks(out):
    content = torch.load(out / "checkpoints" / "ckpt.pth", weights_only=True)
    return {
        f"{name}/{key}": value
        for name in ("pre_projection", "discriminator")
        for key, value in content[name].items()
    }


def refusal(capsys, *arguments):
    assert train(*arguments) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    return error


def test_it_ends_with_an_engine_beside_checkpoints_log_and_sheet(trained):
    names = {path.name for path in trained.iterdir()} - {"tensorboard"}
    assert names == {
        "engine.fit",
        "engine.onnx",
        "checkpoints",
        "log.jsonl",
        "training.json",
        "defects.png",
    }
    assert [line["epoch"] for line in lines(trained)] == [1, 2, 3]
    assert {"loss/total", "validation/image_auroc", "seconds"} <= set(lines(trained)[0])
    engine = open_engine(trained / "engine.onnx")
    maps, scores = engine.infer(np.stack([picture(50)[:, :, ::-1]] * 2))
    assert maps.shape == (2, *HW)
    assert np.isfinite(scores).all()


def test_the_spec_says_how_it_was_trained(trained):
    spec = read_spec(trained / "engine.onnx")
    parameters = spec.parameters
    assert (spec.method, spec.name, spec.layers) == ("glass", "bars", ("stride8", "stride16"))
    assert parameters["textures"].startswith("built-in")
    assert parameters["checkpoint"]["chosen_on"] == (
        "good pictures held out and synthetic defects on them"
    )
    assert parameters["checkpoint"]["epoch"] in (1, 2, 3)
    assert 0 <= parameters["checkpoint"]["image_auroc_there"] <= 1
    assert parameters["distribution"]["chosen_by"] == "auto"
    assert parameters["distribution"]["judged"]["points"] >= 0
    assert parameters["training"]["epochs"] == 3
    assert parameters["training"]["noise"] == 0.015
    assert (parameters["training"]["patch_norm"], parameters["training"]["learning_rate"]) == (
        1.0,
        5e-4,
    )
    assert (parameters["dims"], parameters["hidden"]) == (152, 101)
    assert parameters["kernels"]["stride16"]["shape"][2:] == [3, 3]
    assert parameters["torch"] == torch.__version__
    assert (spec.trained_on["count"], spec.trained_on["held_out"]) == (5, 3)
    assert len(spec.left_out.bank) == 5
    assert spec.threshold_rule.scheme == "held-out"
    assert "checkpoint was chosen on these pictures" in spec.threshold_rule.note
    assert spec.parity["map_max_abs"] < 1e-5


def test_after_a_kill_the_same_command_ends_with_the_same_bits(trained, data, tmp_path):
    out = tmp_path / "bars"
    hook = "(epoch, done) == (3, 1) and os.kill(os.getpid(), signal.SIGKILL)"
    done = subprocess.run(command(data, out, hook), cwd=ROOT, env=environment(), timeout=100)
    assert done.returncode == -signal.SIGKILL
    assert not (out / "engine.onnx").exists()
    assert train(data, out) == 0
    first, second = networks(trained), networks(out)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)
    first_spec, second_spec = (read_spec(place / "engine.onnx") for place in (trained, out))
    assert first_spec.graph_hash == second_spec.graph_hash
    assert first_spec.image_threshold == second_spec.image_threshold
    assert first_spec.pixel_threshold == second_spec.pixel_threshold
    assert first_spec.golden == second_spec.golden
    assert [line["epoch"] for line in lines(out)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("at", "sentence"),
    [(1, "nothing is kept"), (2, "run the same command again to resume")],
)
def test_ctrl_c_ends_with_a_sentence(data, tmp_path, monkeypatch, capsys, at, sentence):
    def stop(self, epoch, done, steps):
        if epoch == at:
            raise KeyboardInterrupt

    monkeypatch.setattr(_train_watch.TrainingWatch, "progress", stop)
    assert train(data, tmp_path / "out") == 130
    assert sentence in capsys.readouterr().err
    if at == 1:
        return
    assert [line["epoch"] for line in lines(tmp_path / "out")] == [1]
    assert (tmp_path / "out" / "checkpoints" / "ckpt.pth").exists()


def test_other_options_for_the_same_folder_are_refused_by_name(trained, data, capsys):
    before = (trained / "engine.onnx").read_bytes()
    for more, what in (
        (("--steps", "5"), "another steps: 20, not 5"),
        (("--size", "64x64"), r"another size: [64, 96], not [64, 64]"),
        (("--seed", "1"), "another seed: 0, not 1"),
        (("--hold-out", "0.5"), "another held out"),
    ):
        assert what in refusal(capsys, data, trained, *more)
    assert (trained / "engine.onnx").read_bytes() == before


def test_other_defaults_than_those_of_the_training_are_refused(trained, data, capsys, monkeypatch):
    monkeypatch.setattr(options, "PATCH_NORM", 7.0)
    assert "another patch_norm: 1.0, not 7.0" in refusal(capsys, data, trained)


def test_more_epochs_go_on_from_a_finished_training(data, tmp_path):
    assert train(data, tmp_path, "--epochs", "1") == 0
    assert train(data, tmp_path, "--epochs", "2") == 0
    assert [line["epoch"] for line in lines(tmp_path)] == [1, 2]
    assert read_spec(tmp_path / "engine.onnx").parameters["training"]["trained"] == 2


def test_the_paper_protocol_labels_every_figure(data, tmp_path, capsys):
    out = tmp_path / "paper"
    assert train(data, out, "--paper-protocol") == 0
    assert "chosen on the test set (paper protocol)" in capsys.readouterr().out
    assert {"test_set/image_auroc", "test_set/pixel_auroc"} <= set(lines(out)[0])
    assert not any("validation" in key for key in lines(out)[0])
    spec = read_spec(out / "engine.onnx")
    assert spec.parameters["checkpoint"]["chosen_on"] == "the test set (paper protocol)"
    assert "chosen on the test set" in spec.threshold_rule.note


def test_it_stops_early_and_says_after_how_many_epochs(data, tmp_path):
    more = ("--epochs", "30", "--patience", "2", "--learning-rate", "1e-12")
    assert train(data, tmp_path / "out", *more) == 0
    parameters = read_spec(tmp_path / "out" / "engine.onnx").parameters
    assert parameters["training"]["trained"] < 30
    assert parameters["training"]["trained"] == parameters["checkpoint"]["epoch"] + 2


def test_textures_foregrounds_and_a_region_reach_the_training(data, tmp_path):
    textures, masks = tmp_path / "dtd" / "banded", tmp_path / "masks"
    textures.mkdir(parents=True)
    masks.mkdir()
    cv2.imwrite(str(textures / "a.png"), np.random.default_rng(0).integers(0, 255, (80, 99, 3)))
    mask = np.zeros(HW, np.uint8)
    mask[24:40, :60] = 255
    for index in range(8):
        cv2.imwrite(str(masks / f"{index:03}.png"), mask)
    roi = tmp_path / "roi.yaml"
    roi.write_text("frame_hw: [64, 96]\ninspect:\n  - [[0, 0], [48, 0], [48, 64], [0, 64]]\n")
    more = ("--textures", tmp_path / "dtd", "--defect-masks", masks, "--roi", roi, "--epochs", "1")
    assert train(data, tmp_path / "out", *map(str, more)) == 0
    spec = read_spec(tmp_path / "out" / "engine.onnx")
    assert spec.parameters["textures"] == "dtd (1 pictures)"
    assert spec.parameters["foreground_masks"]
    assert spec.roi is not None
    maps, _ = open_engine(tmp_path / "out" / "engine.onnx").infer(picture(9)[None])
    assert maps[0, :, 50:].max() == 0
    sheet = cv2.imread(str(tmp_path / "out" / "defects.png"))[: HW[0], : HW[1]].astype(int)
    changed = np.abs(sheet - picture(0)).max(axis=2) > 0
    assert not changed[:24, :48].any()
    assert changed[24:40, :48].any()


def test_two_trainings_never_share_a_folder(data, tmp_path, capsys):
    with sole_writer(tmp_path):
        assert "another run is writing" in refusal(capsys, data, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_bad_input_is_refused_in_one_sentence(data, tmp_path, capsys):
    masks, empty = tmp_path / "masks", tmp_path / "empty"
    masks.mkdir()
    empty.mkdir()
    for index in range(8):
        cv2.imwrite(str(masks / f"{index:03}.png"), np.full(HW, 255 * (index != 3), np.uint8))
    out = tmp_path / "out"
    for more, what in (
        (("--defect-masks", masks), "003.png is empty"),
        (("--defect-masks", empty), "no readable foreground mask"),
        (("--textures", empty), "holds no pictures"),
        (("--textures", tmp_path / "none"), "does not exist"),
        (("--size", "96x60"), "multiples of 32"),
        (("--size", "100"), "multiples of 32"),
        (("--epochs", "0"), "epochs must be a finite number at least 1"),
        (("--layers", "stride4"), "no layer 'stride4'"),
        (("--device", "teapot"), "torch cannot use device 'teapot'"),
        (("--false-alarm-rate", "0.001"), "needs at least 999 good pictures"),
    ):
        assert what in refusal(capsys, data, out, *map(str, more)), more
        assert not out.exists(), more


def test_too_few_or_unreadable_pictures_are_refused(tmp_path, capsys):
    two = class_folder(tmp_path / "two", good=2)
    assert "2 good pictures are too few" in refusal(capsys, two, tmp_path / "out")
    broken = class_folder(tmp_path / "broken", good=4)
    for path in sorted((broken / "train" / "good").iterdir())[:2]:
        path.write_bytes(b"no picture")
    assert "2 of 4 pictures of bars cannot be read" in refusal(capsys, broken, tmp_path / "out")
    both = class_folder(tmp_path / "both" / "a", good=3).parent.parent
    class_folder(tmp_path / "both" / "b", good=3)
    assert "error" in refusal(capsys, both, tmp_path / "out")
    assert "needs test pictures" in refusal(
        capsys, class_folder(tmp_path / "alone"), tmp_path / "out", "--paper-protocol"
    )
    assert SHORT[0] == "--size"
