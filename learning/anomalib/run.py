"""Runs an unchanged export of anomalib, to learn what it does and to check its engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from loguru import logger
from onnx import TensorProto, helper

from inspector.core.arrays import Image
from inspector.core.errors import ConfigError, EngineError
from inspector.core.threads import runtime_threads
from learning.anomalib.graph import HOW, MAP, SCORE, Export

PROBE_HW: Final = (512, 512)
"""Side of the test picture for a graph that takes any size, px."""

STRAY: Final = 0.25
"""Largest error of the straight line through the measured positions, px. With a larger error, the
graph does more than resize and crop."""

Float = npt.NDArray[np.float32]
Wide = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class View:
    """The part of a frame that the model sees. input_hw: size that the host resizes to, None for
    any size. crop: as in ResizeRule. whole_hw, corner: set if the graph itself crops; it then gets
    a picture of whole_hw, in which the host's pixels begin at `corner` (top, left)."""

    input_hw: tuple[int, int] | None
    crop: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    whole_hw: tuple[int, int] | None = None
    corner: tuple[int, int] = (0, 0)


def find_view(export: Export, size: tuple[int, int] | None) -> View:
    """The view with which the graph has nothing to resize, because its resizing does not antialias.

    size: of the input; None for the size that the graph expects. Raises ConfigError if it takes
    another.
    """
    view = _view(export, size)
    if size is not None and view.input_hw != size:
        height, width = view.input_hw or size
        raise ConfigError(
            f"{export.path} works on pictures of {width}x{height}, not {size[1]}x{size[0]}: "
            "leave --size out"
        )
    return view


def _view(export: Export, size: tuple[int, int] | None) -> View:
    if export.seen == export.input:
        return View(export.input_hw or size)
    graph_hw = export.input_hw or PROBE_HW
    rows, columns = _rows_and_columns(export, graph_hw)
    whole = (rows.whole, columns.whole)
    hw = (rows.count, columns.count)
    if graph_hw == whole or export.input_hw is None:
        crop = (columns.low, rows.low, columns.high, rows.high)
        return View(hw) if hw == whole else View(hw, crop, whole, (rows.start, columns.start))
    advice = f"export it with input_size=({whole[0]}, {whole[1]})"
    if hw != whole:
        raise ConfigError(
            f"{export.path} resizes pictures of {graph_hw[1]}x{graph_hw[0]} and crops them inside: "
            f"{advice}"
        )
    logger.warning(
        "{} resizes its pictures of {}x{} once more, without antialiasing: better {}",
        export.path,
        graph_hw[1],
        graph_hw[0],
        advice,
    )
    return View(export.input_hw)


@dataclass(frozen=True, slots=True)
class _Axis:
    """`count` of `whole` pixels, beginning at `start`."""

    count: int
    start: int
    whole: int

    @property
    def low(self) -> float:
        return self.start / self.whole

    @property
    def high(self) -> float:
        return (self.start + self.count) / self.whole


def _rows_and_columns(export: Export, graph_hw: tuple[int, int]) -> tuple[_Axis, _Axis]:
    """The rows and columns that the graph sees, measured with pictures of coordinates."""
    height, width = graph_hw
    ramps = np.zeros((1, 3, height, width), np.float32)
    ramps[0, 0] = ((np.arange(height) + 0.5) / height)[:, None]
    ramps[0, 1] = ((np.arange(width) + 0.5) / width)[None, :]
    session = GraphSession(export.model, {export.seen: None}, export)
    (seen,) = session.run([export.seen], {export.input: ramps})
    if seen.ndim != 4 or seen.shape[:2] != (1, 3):
        raise _unknown_change(export)
    middle_row, middle_column = seen.shape[2] // 2, seen.shape[3] // 2
    return (
        _axis(export, seen[0, 0, :, middle_column]),
        _axis(export, seen[0, 1, middle_row, :]),
    )


def _axis(export: Export, seen: Float) -> _Axis:
    """seen: for every pixel, the position of its centre in the input, 0 to 1."""
    count = len(seen)
    at = np.arange(count)
    middle = slice(count // 4, count - count // 4)
    slope, origin = np.polyfit(at[middle] + 0.5, seen[middle].astype(np.float64), 1)
    if not slope > 0:
        raise _unknown_change(export)
    whole, start = 1 / slope, origin / slope
    straight = np.abs(seen[middle] - (origin + slope * (at[middle] + 0.5))).max() / slope
    off = max(abs(whole - round(whole)), abs(start - round(start)), straight)
    if off > STRAY or start < -STRAY or start + count > whole + STRAY:
        raise _unknown_change(export)
    return _Axis(count, round(start), round(whole))


def _unknown_change(export: Export) -> ConfigError:
    return ConfigError(
        f"{export.path} changes its pictures by more than resizing and cropping, which cannot "
        f"be imported: do this in anomalib's pre-processor and export again: {HOW}"
    )


class GraphSession:
    """A graph on onnxruntime with further tensors as outputs. extra: name -> sizes, None: unknown.

    Raises EngineError if onnxruntime is missing, cannot load it or fails on a picture.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        extra: Mapping[str, Sequence[int] | None],
        export: Export,
        threads: int = 0,
    ) -> None:
        try:
            import onnxruntime as ort
            from onnxruntime.capi import onnxruntime_pybind11_state as faults
        except ModuleNotFoundError as exc:
            raise EngineError(
                "importing an engine needs onnxruntime: pip install '.[cpu]'"
            ) from exc
        self._path = export.path
        self._failures = (
            faults.Fail,
            faults.InvalidArgument,
            faults.InvalidGraph,
            faults.InvalidProtobuf,
            faults.NotImplemented,
            faults.RuntimeException,
        )
        outputs = {value.name for value in model.graph.output}
        watched = onnx.ModelProto()
        watched.CopyFrom(model)
        watched.graph.output.extend(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes)
            for name, sizes in extra.items()
            if name not in outputs
        )
        options = ort.SessionOptions()
        options.intra_op_num_threads = runtime_threads(threads)
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session: Any = ort.InferenceSession(
                watched.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except self._failures as exc:
            raise EngineError(f"onnxruntime cannot load {self._path}: {_first_line(exc)}") from exc

    def run(self, outputs: Sequence[str], inputs: Mapping[str, Float]) -> list[Float]:
        try:
            return list(self._session.run(list(outputs), dict(inputs)))
        except self._failures as exc:
            raise EngineError(f"{self._path} fails on a picture: {_first_line(exc)}") from exc


def _first_line(exc: BaseException) -> str:
    return str(exc).strip().partition("\n")[0]


class Original:
    """The unchanged export, on pictures that a view has prepared."""

    def __init__(self, export: Export, view: View, threads: int) -> None:
        self._export, self._view = export, view
        self.tensors = {
            name: export.normalised[name].raw if name in export.normalised else name
            for name in export.outputs
        }
        """Output -> the tensor before its normalisation, if that is known."""
        extra = dict.fromkeys(self.tensors.values())
        self._session = GraphSession(export.model, extra, export, threads)
        self._one_by_one = export.one_by_one

    def run(self, pixels: Image) -> tuple[dict[str, Wide], dict[str, Wide]]:
        """pixels: (n, H, W, 3) uint8 RGB -> its outputs before and after normalisation: maps (n, h,
        w) and scores (n,)."""
        names = [*self.tensors.values(), *self._export.outputs]
        step = 1 if self._one_by_one else len(pixels)
        parts = [
            self._session.run(names, {self._export.input: self._fit_to_input(pixels[i : i + step])})
            for i in range(0, len(pixels), step)
        ]
        joined = [
            np.concatenate([np.atleast_1d(p) for p in part]) for part in zip(*parts, strict=True)
        ]
        count = len(self.tensors)
        return self._name_outputs(joined[:count], len(pixels)), self._name_outputs(
            joined[count:], len(pixels)
        )

    def needs_single_pictures(self, pixels: Image) -> bool:
        """Finds out, with two different pictures, whether it takes only one picture at a time."""
        if not self._one_by_one:
            self._one_by_one = True
            alone, _ = self.run(pixels[:2])
            self._one_by_one = False
            try:
                together, _ = self.run(pixels[:2])
            except (EngineError, ConfigError):
                self._one_by_one = True
            else:
                self._one_by_one = not all(
                    np.allclose(alone[key], together[key], rtol=1e-3, atol=1e-5) for key in alone
                )
        return self._one_by_one

    def _fit_to_input(self, pixels: Image) -> Float:
        """Pictures for the input of the graph; `pixels` fill the part that the view names."""
        planes = pixels.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
        if self._view.whole_hw is None:
            return np.ascontiguousarray(planes)
        top, left = self._view.corner
        height, width = planes.shape[2:]
        whole = np.zeros((*planes.shape[:2], *self._view.whole_hw), np.float32)
        whole[:, :, top : top + height, left : left + width] = planes
        return whole

    def _name_outputs(self, arrays: Sequence[Float], count: int) -> dict[str, Wide]:
        named = {}
        for name, array in zip(self._export.outputs, arrays, strict=True):
            per_picture = array.reshape(-1, *array.shape[-2:]) if name == MAP else array.reshape(-1)
            if len(per_picture) != count or array.ndim < 1 + 2 * (name == MAP):
                raise ConfigError(
                    f"{self._export.path}: {name} has shape {array.shape} for {count} pictures; "
                    "anomalib gives one map and one score for each"
                )
            named[name] = per_picture.astype(np.float64)
        if SCORE not in named:
            # anomalib does this for models without a score.
            named[SCORE] = named[MAP].max(axis=(1, 2))
        return named
