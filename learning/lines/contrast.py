"""The contrast of lines in every cell of a picture, as a graph.

A line that is brighter or darker than the surface on both of its sides counts with the smaller of
the two differences, so an edge does not count.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import onnx
import onnx.version_converter
import spox
import spox.opset.ai.onnx.v17 as op
from spox import Var

from inspector.core.arrays import Image
from learning.backbones.features import open_session
from learning.graph.pixels import image as image_of
from learning.lines.filters import (
    DIRECTIONS,
    GROUP,
    REACH,
    SEGMENTS,
    SIDE,
    STEP,
    exchange_axes,
    joining_kernels,
    side_kernels,
)

CELL: Final = 8
"""Side of a cell, px of the input."""

DARKEST: Final = 10 / 255
"""Is added to the brightness before its logarithm is taken, because noise is large in the dark."""


def contrast(image: Var, input_hw: tuple[int, int]) -> Var:
    """(N, 3, H, W) RGB in [0, 1] -> (N, DIRECTIONS, H / CELL, W / CELL), the largest contrast of
    the lines in a cell: |ln(brightness of the line / brightness beside it)|. input_hw: (H, W),
    multiples of CELL."""
    brightness = op.reduce_mean(image, axes=[1], keepdims=1)
    level = op.log(op.add(brightness, op.const(np.float32(DARKEST))))
    pads = _ints(*[0, 0, SIDE // 2, SIDE // 2] * 2)
    level = op.pad(level, pads, mode="reflect")
    height, width = input_hw[0] // CELL, input_hw[1] // CELL
    rows = op.reshape(_group(level, along_rows=True), _ints(0, GROUP, height, CELL, width))
    columns = op.reshape(_group(level, along_rows=False), _ints(0, GROUP, height, width, CELL))
    largest = [op.reduce_max(rows, axes=[3], keepdims=0)]
    return op.concat([*largest, op.reduce_max(columns, axes=[4], keepdims=0)], axis=1)


def _ints(*values: int) -> Var:
    return op.const(np.array(values, np.int64))


def _group(level: Var, *, along_rows: bool) -> Var:
    """(N, 1, H + SIDE - 1, W + SIDE - 1) -> contrasts (N, GROUP, H, W / CELL), or (N, GROUP,
    H / CELL, W) of the lines along the columns."""

    def order(across: int, along: int) -> list[int]:
        return [across, along] if along_rows else [along, across]

    sides, joining = side_kernels(), joining_kernels()
    if not along_rows:
        sides, joining = exchange_axes(sides), exchange_axes(joining)
    left, right = op.split(
        op.conv(level, op.const(sides), strides=order(1, STEP)),
        _ints(GROUP, GROUP),
        outputs_count=2,
        axis=1,
    )
    bright, dark = op.relu(op.min([left, right])), op.relu(op.neg(op.max([left, right])))
    lines = op.conv(
        op.sub(bright, dark),
        op.const(joining),
        group=GROUP,
        pads=order(REACH, SEGMENTS // 2) * 2,
        strides=order(1, CELL // STEP),
    )
    return op.abs(lines)


def contrast_at(image: Var, input_hw: tuple[int, int], opset: int) -> Var:
    """The same as `contrast`, in operators of another version. spox lifts every node separately,
    and gives all constants that this adds the same name, so all nodes are lifted as one model."""
    alone = spox.argument(spox.Tensor(np.float32, ("N", 3, *input_hw)))
    model = spox.build({"image": alone}, {"contrast": contrast(alone, input_hw)})
    lifted = onnx.version_converter.convert_version(model, opset)
    return spox.inline(lifted)(image=image)["contrast"]


class ContrastExtractor:
    """Computes `contrast` on onnxruntime, so that fitting sees the same values as the line.

    input_hw: (height, width), multiples of CELL. threads: 0 lets the runtime choose. Raises
    EngineError if onnxruntime is missing.
    """

    def __init__(self, input_hw: tuple[int, int], threads: int) -> None:
        self._session = open_session(_model(input_hw).SerializeToString(), threads, "cpu")

    def extract(self, pixels: Image) -> npt.NDArray[np.float32]:
        """pixels: (n, H, W, 3) uint8 RGB -> (n, DIRECTIONS, H / CELL, W / CELL)."""
        count, height, width, _ = pixels.shape
        contrasts = np.empty((count, DIRECTIONS, height // CELL, width // CELL), np.float32)
        for index in range(count):
            (contrasts[index],) = self._session.run(None, {"pixels": pixels[index : index + 1]})[0]
        return contrasts


def _model(input_hw: tuple[int, int]) -> onnx.ModelProto:
    pixels = spox.argument(spox.Tensor(np.uint8, ("N", *input_hw, 3)))
    return spox.build({"pixels": pixels}, {"contrast": contrast(image_of(pixels), input_hw)})
