"""Cosines with a bank in codes of 8 bits, computed with whole numbers.

The mean of the bank is subtracted from its vectors, because similar vectors have smaller
differences. Their codes go from -127 to 127 of the largest value of each cell. A query has codes
from -64 to 64 of its largest value: CPUs without VNNI add two products in 16 bits, at most
2 x 255 x 64. The codes of the bank are unsigned with the zero point 128, because onnxruntime
multiplies unsigned by signed numbers several times as fast as signed by signed ones.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v17 as op
from spox import Var

from learning.graph.constants import constant, ints

BANK_LEVELS: Final = 127
QUERY_LEVELS: Final = 64
LEVELS: Final = BANK_LEVELS, QUERY_LEVELS
ZERO: Final = 128

SMALLEST: Final = 1e-12
"""Smallest divisor, so that zeros stay zeros."""


@dataclass(frozen=True, slots=True)
class CodedQueries:
    """codes: (h, w, B, C) int8. largest, with_mean: (h, w, B), the largest absolute value of each
    query, and its product with the mean of the bank."""

    codes: Var
    largest: Var
    with_mean: Var


class CodedBank:
    """A bank (cells, N, C) in the graph."""

    def __init__(self, rows: npt.NDArray[np.floating]) -> None:
        self._mean = rows.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
        apart = rows - self._mean
        largest = np.maximum(np.abs(apart).max(axis=(1, 2), keepdims=True), np.float32(SMALLEST))
        codes = np.rint(apart * (np.float32(BANK_LEVELS) / largest)) + ZERO
        self._codes = constant(codes.astype(np.uint8))
        self._steps = (largest / np.float32(BANK_LEVELS))[:, 0]

    def encode(self, queries: Var) -> CodedQueries:
        """queries: (h, w, B, C)."""
        largest = op.reduce_max(op.abs(queries), axes=[3], keepdims=1)
        largest = op.max([largest, op.const(np.float32(SMALLEST))])
        return CodedQueries(
            op.quantize_linear(op.div(queries, largest), *_query_code()),
            op.reduce_max(largest, axes=[3], keepdims=0),
            op.reduce_sum(op.mul(queries, op.const(self._mean)), ints(3), keepdims=0),
        )

    def multiply(self, codes: Var) -> Var:
        """Products (cells, N, m) with codes of queries (cells, C, m), in units of the steps of the
        cells. The largest of a cell is that of the nearest row; `to_cosines` makes a cosine of
        it."""
        rows = op.dequantize_linear(self._codes, op.const(np.float32(1)), op.const(np.uint8(ZERO)))
        return op.matmul(rows, op.dequantize_linear(codes, *_query_code()))

    def scale(self, products: Var) -> Var:
        """(cells, m) products in units of 1."""
        return op.mul(products, op.const(self._steps))


def to_cosines(products: Var, queries: CodedQueries) -> Var:
    """products: (h, w, B) of `CodedBank.scale`."""
    return op.add(op.mul(products, queries.largest), queries.with_mean)


def _query_code() -> tuple[Var, Var]:
    return op.const(np.float32(1 / QUERY_LEVELS)), op.const(np.int8(0))
