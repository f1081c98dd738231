"""Makes the file of a named backbone, with the exporter from the table."""

from pathlib import Path

from inspector.core.errors import ConfigError
from inspector.core.files import write_whole
from inspector.core.lazy import load_entry
from learning import torch_weights
from learning.backbones import vit, zoo


def export_backbone(
    name: str, out: Path, *, weights_file: Path | None, input_hw: tuple[int, int] | None
) -> zoo.BackboneInfo:
    """Writes `out` and returns its metadata.

    weights_file: a state dict of torch; None takes the pretrained one from the backbone's own
    library. input_hw: for backbones of one fixed size; None if any size runs.
    Raises ConfigError for names, sizes and weights that do not fit, EngineError for a library
    that is missing.
    """
    export = load_entry(zoo.backbone_entry(name).exporter)
    model = export(name, weights_file, input_hw)
    write_whole(out, model.SerializeToString(), "backbone ", ConfigError)
    return zoo.describe(out)


def export_beside(
    name: str, folder: Path, *, weights_file: Path, input_hw: tuple[int, int] | None
) -> Path:
    """Path of `<name>.onnx` in the folder. The file is made from these weights if it does not
    exist.

    Raises ConfigError if the file exists and has other weights or another size.
    """
    zoo.backbone_entry(name)
    out = folder / f"{name}.onnx"
    if not out.exists():
        folder.mkdir(parents=True, exist_ok=True)
        export_backbone(name, out, weights_file=weights_file, input_hw=input_hw)
        return out
    info = zoo.describe(out)
    if info.weights_sha256 != torch_weights.file_sha256(weights_file) or info.input_hw != input_hw:
        raise ConfigError(
            f"{out} exists and was not made of {weights_file} for this size: give it as "
            "--backbone to use it, or move it away"
        )
    return out


def patch_of(name: str) -> int | None:
    """Input pixels per patch of a backbone that is exported for one size; None for the others."""
    shape = vit.SHAPES.get(name)
    return None if shape is None else shape.patch
