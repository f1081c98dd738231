"""The table of methods. An entry in it is enough to train and to import a method."""

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest
import spox.opset.ai.onnx.v17 as op
from engine_parts import HW, part
from grey_source import GreySource

from engines.spec_file import read_spec
from inspector.core.errors import ConfigError
from learning.graph import maps
from learning.importing import ImportedModel, Importer
from learning.methods import map_reference, registry
from learning.methods.base import Scorer
from learning.methods.feature_source import FeatureSource, SourceRequest
from learning.methods.registry import METHODS, MethodEntry
from learning.options import integer, option
from learning.training import PreparedTraining, TrainedModel, Trainer
from tools.import_checkpoint import main as import_checkpoint
from tools.train import main as train

HERE = __name__


@dataclass(frozen=True)
class Darkness(Scorer[float]):
    """How far a pixel is from one grey level, which is the whole model."""

    name: ClassVar[str] = "darkness"
    top_fraction: ClassVar[float | None] = 0.01
    default_backbone: ClassVar[str | None] = None

    def open_source(self, request: SourceRequest) -> FeatureSource:
        return GreySource()

    def embed(self, features):
        return dict(features)

    def measure(self, model, embeddings, canvas):
        drawn = maps.anomaly_map_numpy({"grey": np.abs(embeddings["grey"][:, 0] - model)}, canvas)
        return drawn, maps.top_mean_numpy(drawn, canvas)

    def head(self, model, features, canvas):
        grey = op.squeeze(features["grey"], op.const(np.array([1])))
        far = op.abs(op.sub(grey, op.const(np.float32(model))))
        drawn = maps.anomaly_map({"grey": far}, {"grey": canvas.map_hw}, canvas)
        return drawn, maps.top_mean(drawn, canvas)

    def reference(self, model, features, canvas):
        far = np.abs(features["grey"][:, 0].astype(np.float64) - model)
        drawn = np.stack([map_reference.draw(grid, canvas) for grid in far])
        return drawn, np.array([map_reference.image_score(grid, canvas) for grid in drawn])

    def describe(self, model: float) -> dict[str, Any]:
        return {"level": model, "model_bytes": 4}


class DarknessRun(PreparedTraining):
    """Goes a tenth of the way to the mean level in each epoch, with a checkpoint after each."""

    def __init__(self, trainer, job):
        self.trainer, self.job = trainer, job

    def begin(self, folder):
        (folder / "seen.txt").write_text("levels")

    def run(self) -> TrainedModel:
        data, path = self.job.data, self.job.checkpoints / "latest.pth"
        path.parent.mkdir(exist_ok=True)
        level, done = json.loads(path.read_text()) if path.exists() else (0.0, 0)
        target = self.job.source.extract(data.normals.pixels[~data.held_out])["grey"].mean()
        for epoch in range(done + 1, self.trainer.epochs + 1):
            level += 0.5 * (float(target) - level)
            path.write_text(json.dumps([level, epoch]))
            self.job.watch.scalars(epoch, {"loss/total": abs(float(target) - level)})
            self.job.watch.progress(epoch, 1, 1)
        return TrainedModel(level, {"level": f"{level:.3f} from epoch {done}"})


@dataclass(frozen=True)
class DarknessTraining(Trainer):
    name: ClassVar[str] = "darkness"

    epochs: int = field(default=8, metadata=option("passes", integer))
    seed: int = field(default=0, metadata=option("of the held-out pictures", integer))
    device: str = "cpu"
    threads: int = 1
    steepness: int = field(default=1, metadata=option("of nothing", integer, flag="steep"))

    @property
    def scorer(self) -> Darkness:
        return Darkness()

    def require(self) -> None:
        """Nothing beyond numpy."""

    def request(self, source):
        return {"steepness": self.steepness}

    def prepare(self, job):
        return DarknessRun(self, job)


@dataclass(frozen=True)
class DarknessImporter(Importer):
    name: ClassVar[str] = "darkness"

    brighter: int = field(default=0, metadata=option("added to the level, of 255", integer))

    def read(self, request):
        normals = request.read_normals(request.input_hw or HW, lambda frame_hw: (0, 0, 1, 1))
        level = float(request.file.read_text()) + self.brighter / 255
        backbone = request.find_backbone(lambda patch: HW)
        return ImportedModel(Darkness(), level, backbone, normals, 2.0, {"brighter": self.brighter})


@pytest.fixture(autouse=True)
def entry(monkeypatch):
    new = MethodEntry(training=f"{HERE}:DarknessTraining", importing=f"{HERE}:DarknessImporter")
    monkeypatch.setitem(METHODS, "darkness", new)


@pytest.fixture
def good(tmp_path):
    folder = tmp_path / "parts" / "train" / "good"
    folder.mkdir(parents=True)
    for seed in range(12):
        cv2.imwrite(str(folder / f"{seed}.png"), part(seed)[:, :, ::-1])
    return tmp_path / "parts"


def run_training(good, out, *more):
    words = ["--method", "darkness", "--data", str(good), "--out", str(out), "--size", "64x96"]
    return train([*words, *more])


def test_an_entry_in_the_table_is_enough_to_train_and_to_resume(good, tmp_path, capsys):
    out = tmp_path / "out"
    assert run_training(good, out, "--epochs", "2") == 0
    assert run_training(good, out, "--epochs", "5") == 0
    assert "from epoch 2" in capsys.readouterr().out
    spec = read_spec(out / "engine.onnx")
    assert (spec.method, spec.backbone, spec.trained_on["held_out"]) == ("darkness", "", 4)
    assert spec.parameters["level"] == pytest.approx(0.62, abs=0.03)
    assert spec.threshold_rule.note.endswith(
        "chosen on these pictures and simulated defects on them"
    )
    assert [json.loads(line)["epoch"] for line in (out / "log.jsonl").open()] == [1, 2, 3, 4, 5]
    assert (out / "seen.txt").exists()
    assert run_training(good, out, "--steep", "2") == 2
    assert "another steepness: 1, not 2" in capsys.readouterr().err


def test_an_entry_in_the_table_is_enough_to_import(good, tmp_path):
    (tmp_path / "level.txt").write_text("0.6")
    (tmp_path / "none.onnx").write_bytes(b"")
    words = [str(tmp_path / "level.txt"), "--method", "darkness", "--brighter", "3"]
    words += ["--backbone", str(tmp_path / "none.onnx"), "--normal", str(good)]
    assert import_checkpoint([*words, "--out", str(tmp_path / "e.onnx")]) == 0
    spec = read_spec(tmp_path / "e.onnx")
    assert (spec.method, spec.parameters["brighter"], spec.parameters["sigma"]) == (
        "darkness",
        3,
        2,
    )
    assert spec.parameters["imported_from"]["file"] == "level.txt"


def test_each_command_lists_its_own_methods():
    assert {"rad", "patchcore", "padim"} <= set(registry.fitted_methods())
    assert {"glass", "darkness"} <= set(registry.trained_methods())
    assert {"rad", "glass", "darkness"} <= set(registry.imported_methods())
    assert not {"glass", "darkness"} & set(registry.fitted_methods())


@pytest.mark.parametrize(
    ("find", "name", "message"),
    [
        (registry.method_class, "glass", r"is trained, not fitted: use `line-inspector train`"),
        (registry.trainer_class, "rad", r"is fitted, not trained: use `line-inspector fit`"),
        (registry.importer_class, "padim", r"is fitted, not imported: use `line-inspector fit`"),
        (registry.method_class, "raad", r"'raad' is unknown; known: rad, patchcore, padim"),
    ],
)
def test_a_method_that_cannot_do_this_is_refused_with_the_command_that_can(find, name, message):
    with pytest.raises(ConfigError, match=message):
        find(name)


def test_every_class_in_the_table_exists_and_has_the_name_of_its_entry():
    for name, entry in METHODS.items():
        for way, find in (
            ("fitting", registry.method_class),
            ("training", registry.trainer_class),
            ("importing", registry.importer_class),
        ):
            if getattr(entry, way) is not None:
                assert find(name).name == name
