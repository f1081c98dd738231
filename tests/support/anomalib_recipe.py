"""Makes a real export of anomalib, to try tools.import_engine on it.

It needs a separate environment, because anomalib brings torch and lightning:

python -m venv an && an/bin/pip install anomalib==2.7.0 onnxscript==0.7.2
    an/bin/python tests/support/anomalib_recipe.py Padim --normal GOOD_DIR --out OUT_DIR

Backbones start from random weights, so only the packages are downloaded. The form of an export does
not depend on the weights.
"""

import argparse
from pathlib import Path
from unittest import mock

import anomalib.models
import timm
from anomalib.data import Folder
from anomalib.deploy import ExportType
from anomalib.engine import Engine

MODELS = {
    "Padim": {"backbone": "resnet18", "pre_trained": False},
    "Patchcore": {"backbone": "resnet18", "pre_trained": False, "coreset_sampling_ratio": 0.01},
    "Fastflow": {"backbone": "resnet18", "pre_trained": False},
    "ReverseDistillation": {"backbone": "resnet18", "pre_trained": False},
    "Stfpm": {"backbone": "resnet18"},
}
"""Model -> arguments that keep it small. Stfpm knows no pre_trained; see export."""


def export(
    name: str,
    normal: Path,
    out: Path,
    *,
    size: tuple[int, int] = (256, 256),
    crop: tuple[int, int] | None = None,
    free_size: bool = False,
    frozen: bool = False,
) -> Path:
    """Trains one epoch on a folder of pictures and writes OUT/weights/onnx/model.onnx.

    size: that the pre-processor resizes to, and of the graph's input unless free_size. crop: of the
    pre-processor, where the model has it. frozen: for one picture at a time. anomalib makes
    validation pictures of the normal ones, and takes thresholds and normalisation from them.
    """
    cls = getattr(anomalib.models, name)
    sizes = {"image_size": size} | ({} if crop is None else {"center_crop_size": crop})
    create = timm.create_model
    with mock.patch("timm.create_model", lambda *a, **k: create(*a, **k | {"pretrained": False})):
        model = cls(pre_processor=cls.configure_pre_processor(**sizes), **MODELS[name])
    data = Folder(
        name="normal",
        normal_dir=normal,
        test_split_mode="synthetic",
        val_split_mode="same_as_test",
        train_batch_size=8,
        eval_batch_size=8,
        num_workers=0,
        seed=0,
    )
    engine = Engine(max_epochs=1, accelerator="cpu", devices=1, default_root_dir=out, logger=False)
    engine.fit(model=model, datamodule=data)
    written = engine.export(
        model,
        ExportType.ONNX,
        export_root=out,
        input_size=None if free_size else size,
        onnx_kwargs={"dynamic_shapes": None} if frozen else None,
    )
    assert written is not None
    return Path(written)


def _size(text: str) -> tuple[int, int]:
    width, height = map(int, text.split("x"))
    return height, width


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=list(MODELS))
    parser.add_argument("--normal", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=_size, default=(256, 256))
    parser.add_argument("--crop", type=_size)
    parser.add_argument("--free-size", action="store_true")
    parser.add_argument("--frozen", action="store_true")
    arguments = vars(parser.parse_args())
    print(
        export(arguments.pop("model"), arguments.pop("normal"), arguments.pop("out"), **arguments)
    )
