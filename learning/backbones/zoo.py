"""The table of backbones, and what a backbone file says about itself.

A backbone is an ONNX file. Its input is `image` (N, 3, H, W) float32 RGB in [0, 1], and it
normalises the picture itself. Its outputs are feature grids (N, C, h, w) or descriptors of the
whole picture (N, C). Its metadata hold under METADATA_KEY a JSON object with the fields of
BackboneInfo except sha256.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import onnx

from engines import limits
from engines.spec_file import NOT_ONNX
from inspector.core.errors import ConfigError, SpecError

INPUT: Final = "image"
METADATA_KEY: Final = "inspector_backbone"
DEFAULT: Final = "efficientnet_lite0"


@dataclass(frozen=True, slots=True)
class Feature:
    """One output. stride: input pixels per grid cell; None for a descriptor without a grid."""

    name: str
    channels: int
    stride: int | None


@dataclass(frozen=True, slots=True)
class BackboneInfo:
    """What a backbone file says about itself.

    size_multiple: sides of the input are multiples of it. input_hw: the only size it takes, None
    for any size. licence, origin: of the weights. weights_sha256: of the file that they were
    exported from. sha256: of the backbone file itself, empty before it is written.
    """

    name: str
    outputs: tuple[Feature, ...]
    size_multiple: int
    input_hw: tuple[int, int] | None
    licence: str
    origin: str
    weights_sha256: str
    sha256: str = ""
    input_name: str = INPUT

    def output(self, name: str) -> Feature:
        """Raises ConfigError for a name that the backbone does not have."""
        for feature in self.outputs:
            if feature.name == name:
                return feature
        known = ", ".join(feature.name for feature in self.outputs)
        raise ConfigError(f"backbone {self.name} has no layer {name!r}; it has {known}")

    def check_size(self, input_hw: tuple[int, int]) -> None:
        """Raises ConfigError for an input size that the backbone does not take."""
        if self.input_hw is not None and input_hw != self.input_hw:
            raise ConfigError(
                f"backbone {self.name} takes {_sides(self.input_hw)} only, not {_sides(input_hw)}: "
                f"give --size {_sides(self.input_hw)}, or export it again with --size "
                f"{_sides(input_hw)}"
            )
        if any(side < 1 or side % self.size_multiple for side in input_hw):
            raise ConfigError(
                f"backbone {self.name} takes multiples of {self.size_multiple}, "
                f"not {_sides(input_hw)}"
            )

    def write_to(self, model: onnx.ModelProto) -> None:
        """Stores all fields except sha256 in the model's metadata."""
        values = {key: value for key, value in dataclasses.asdict(self).items() if key != "sha256"}
        onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(values, sort_keys=True)})


@dataclass(frozen=True, slots=True)
class BackboneEntry:
    """Where to get a named backbone.

    file: beside this module, for an embedded backbone. exporter: "module:function" that makes it.
    """

    exporter: str
    licence: str
    file: str | None = None


_EFFICIENTNET = "learning.backbones.efficientnet_lite:export"
_RESNET = "learning.backbones.resnet:export"
_VIT = "learning.backbones.vit:export"
_TORCHVISION_LICENCE = "BSD-3-Clause"
_DINOV3_LICENCE = "DINOv3 License"

BACKBONES: Final[dict[str, BackboneEntry]] = {
    DEFAULT: BackboneEntry(_EFFICIENTNET, "Apache-2.0", f"{DEFAULT}.onnx"),
    "resnet18": BackboneEntry(_RESNET, _TORCHVISION_LICENCE),
    "resnet50": BackboneEntry(_RESNET, _TORCHVISION_LICENCE),
    "wide_resnet50_2": BackboneEntry(_RESNET, _TORCHVISION_LICENCE),
    "dinov2_vits14": BackboneEntry(_VIT, "Apache-2.0"),
    "dinov2_vitb14": BackboneEntry(_VIT, "Apache-2.0"),
    "dinov2_vitl14": BackboneEntry(_VIT, "Apache-2.0"),
    "dinov3_vits16": BackboneEntry(_VIT, _DINOV3_LICENCE),
    "dinov3_vitb16": BackboneEntry(_VIT, _DINOV3_LICENCE),
    "dinov3_vitl16": BackboneEntry(_VIT, _DINOV3_LICENCE),
}
"""Name -> where to get it."""


def backbone_entry(name: str) -> BackboneEntry:
    """Raises ConfigError, which lists the known names, for any other name."""
    if name not in BACKBONES:
        raise ConfigError(f"backbone {name!r} is unknown; known: {', '.join(BACKBONES)}")
    return BACKBONES[name]


def resolve(name_or_path: str) -> Path:
    """The ONNX file of an embedded backbone's name, or the path itself. Raises ConfigError."""
    path = Path(name_or_path)
    if path.suffix == ".onnx":
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "does not exist"
            raise ConfigError(f"backbone file {path} {what}")
        return path
    known = backbone_entry(name_or_path)
    if known.file is None:
        raise ConfigError(
            f"backbone {name_or_path} does not come with the program; make its file with "
            f"`line-inspector export-backbone {name_or_path} --out {name_or_path}.onnx` and give "
            f"the path of that file"
        )
    return Path(__file__).with_name(known.file)


def describe(path: Path) -> BackboneInfo:
    """Reads and checks a backbone file. Raises SpecError if it breaks the contract above."""
    model, sha256 = read_network(path)
    info = _metadata(path, model)
    _check_input(path, model, info)
    _check_outputs(path, model, info)
    return dataclasses.replace(info, sha256=sha256)


def read_network(path: Path) -> tuple[onnx.ModelProto, str]:
    """A checked ONNX file, and its sha256. Raises SpecError if it is damaged or too large."""
    try:
        limits.check_file(path)
        content = path.read_bytes()
        model = onnx.load_model_from_string(content)
        limits.check_model(path, model)
        onnx.checker.check_model(model)
    except NOT_ONNX as exc:
        raise SpecError(f"{path} is not a whole ONNX file: truncated or damaged") from exc
    except onnx.checker.ValidationError as exc:
        reason = str(exc).strip().partition("\n")[0]
        raise SpecError(f"{path} is not a whole ONNX file: {reason}") from exc
    except OSError as exc:
        raise SpecError(f"file {path} cannot be read: {exc.strerror}") from exc
    return model, hashlib.sha256(content).hexdigest()


def _metadata(path: Path, model: onnx.ModelProto) -> BackboneInfo:
    text = {prop.key: prop.value for prop in model.metadata_props}.get(METADATA_KEY)
    if text is None:
        raise SpecError(f"{path} is no backbone: its metadata lack {METADATA_KEY!r}")
    try:
        raw: dict[str, Any] = json.loads(text)
        outputs = tuple(Feature(**feature) for feature in raw.pop("outputs"))
        input_hw = raw.pop("input_hw")
        info = BackboneInfo(
            outputs=outputs, input_hw=None if input_hw is None else tuple(input_hw), **raw
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as exc:
        raise SpecError(f"{path}: the metadata {METADATA_KEY!r} are malformed: {exc}") from exc
    if not info.outputs or not _is_side(info.size_multiple):
        raise SpecError(f"{path}: a backbone needs outputs and a size_multiple of at least 1")
    if info.input_hw is not None and not (len(info.input_hw) == 2 and all(map(_is_side, input_hw))):
        raise SpecError(f"{path}: input_hw must be two positive whole numbers")
    texts = (info.name, info.licence, info.origin, info.weights_sha256, info.input_name)
    if not all(isinstance(text, str) for text in (*texts, *(output.name for output in outputs))):
        raise SpecError(f"{path}: names, licence and origin of a backbone must be text")
    strides = [output.stride for output in outputs if output.stride is not None]
    if not all(map(_is_side, (*strides, *(output.channels for output in outputs)))):
        raise SpecError(f"{path}: strides and channels of a backbone must be whole numbers above 0")
    return info


def _is_side(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 1 << 20


def _check_input(path: Path, model: onnx.ModelProto, info: BackboneInfo) -> None:
    constants = {constant.name for constant in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    if [value.name for value in inputs] != [INPUT] or info.input_name != INPUT:
        names = ", ".join(value.name for value in inputs)
        raise SpecError(f"{path}: a backbone has the one input {INPUT!r}, this one has {names!r}")
    dims = dims_of(inputs[0])
    if not _is_float(inputs[0]) or len(dims) != 4 or dims[1] != 3:
        raise SpecError(f"{path}: {INPUT!r} must be float32 (N, 3, H, W), not {dims}")
    sides = dims[2], dims[3]
    if info.input_hw is not None and sides != info.input_hw:
        raise SpecError(
            f"{path}: {INPUT!r} is {_sides(sides)} (width x height), the metadata say "
            f"{_sides(info.input_hw)}"
        )


def _check_outputs(path: Path, model: onnx.ModelProto, info: BackboneInfo) -> None:
    outputs = {value.name: value for value in model.graph.output}
    stated = [feature.name for feature in info.outputs]
    if sorted(stated) != sorted(outputs):
        raise SpecError(f"{path} has the outputs {sorted(outputs)}, its metadata name {stated}")
    for feature in info.outputs:
        dims = dims_of(outputs[feature.name])
        rank = 2 if feature.stride is None else 4
        fits = len(dims) == rank and dims[1] == feature.channels
        if not fits or not _is_float(outputs[feature.name]):
            raise SpecError(
                f"{path}: output {feature.name!r} must be float32 with {rank} dimensions and "
                f"{feature.channels} channels, not {dims}"
            )


def _sides(hw: tuple[int | str, int | str]) -> str:
    """WIDTHxHEIGHT, as sizes are typed."""
    return f"{hw[1]}x{hw[0]}"


def dims_of(value: onnx.ValueInfoProto) -> list[int | str]:
    """Fixed sides as int, free ones by name."""
    return [
        dim.dim_value if dim.HasField("dim_value") else dim.dim_param
        for dim in value.type.tensor_type.shape.dim
    ]


def _is_float(value: onnx.ValueInfoProto) -> bool:
    return bool(value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT)
