"""Makes a method by its name, with the files that it needs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clip_parts import SmallClip, write_small_clip
from engine_parts import HW

from learning.backbones.clip import text_file_of
from learning.methods.base import Method
from learning.methods.registry import make_method

CLIP = SmallClip(width=192, heads=3, layers=2, embedded=64)
"""Its matrices take 4 MB, about as much as the default backbone."""


def ready_method(
    name: str, options: Mapping[str, Any], folder: Path
) -> tuple[Method[Any], Path | None]:
    """The method and its backbone. A CLIP with random weights is written into the folder for a
    method that needs one, for pictures of size HW."""
    if not name.startswith("winclip"):
        method = make_method(name, options)
        return method, method.find_backbone(None)
    backbone = folder / "clip.onnx"
    if not backbone.exists():
        write_small_clip(backbone, HW, CLIP)
    files = {"text": str(text_file_of(backbone))}
    return make_method(name, files | dict(options)), backbone
