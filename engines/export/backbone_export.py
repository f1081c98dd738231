"""Makes the file of a backbone from the table, by the exporter that the table names."""

import importlib
from pathlib import Path

import onnx

from engines.backbones import zoo
from inspector.core.errors import ConfigError


def export_backbone(
    name: str, out: Path, *, weights_file: Path | None, input_hw: tuple[int, int] | None
) -> zoo.BackboneInfo:
    """Writes `out` and returns what it says of itself.

    weights_file: a state dict of torch; None takes the pretrained one from the backbone's own
    library. input_hw: for backbones of one fixed size; None where any size runs.
    Raises ConfigError for names, sizes and weights that do not fit, EngineError for a library
    that is missing.
    """
    module, _, function = zoo.recipe(name).exporter.partition(":")
    export = getattr(importlib.import_module(module), function)
    model = export(name, weights_file, input_hw)
    try:
        onnx.save(model, out)
    except OSError as exc:
        raise ConfigError(f"{out} cannot be written: {exc.strerror}") from exc
    return zoo.describe(out)
