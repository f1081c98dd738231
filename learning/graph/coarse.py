"""Candidates for the nearest row of a bank, found by products of 8-bit integers.

A few candidates per query are enough, because the caller compares them exactly. QuantizeLinear and
DequantizeLinear around the product are the form that onnxruntime, OpenVINO and TensorRT compute
with integers. On a CPU with AVX512-VNNI this takes a quarter of the time of float32.

Rows are sorted by their norm and cut into blocks of BLOCK rows. The norms within a block are nearly
equal, so the largest product of a block bounds its smallest distance. Only the blocks with the
smallest bounds are looked at row by row.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v17 as op
from spox import Var

from learning.graph.constants import constant, ints

CANDIDATES: Final = 6
"""Rows that are compared exactly. Of 138,240 patches of two real sets the nearest row was not among
the first candidate for 2090, the first 2 for 65, the first 3 for 3 and the first 4 for none."""

LEAST_ROWS: Final = 512
"""Smaller banks are compared faster without candidates."""

NEAR: Final = 4.0
"""Rows closer than so many errors of the codes count as nearly equal."""

CHECKED_ROWS: Final = 2000
"""Most rows that are compared with all others for this, evenly spread."""

BLOCK: Final = 16

QUERY_LEVELS: Final = 127
BANK_LEVELS: Final = 63
"""Largest codes. Without VNNI a CPU adds two products, at most 2 x 255 x 63, in 16 bits."""

SMALLEST: Final = 1e-12
"""Smallest divisor, so that a query of zeros stays a query of zeros."""


def suits(bank: npt.NDArray[np.float32]) -> bool:
    """Whether the nearest row of the bank (M, C) is found among a few candidates: it is large, and
    its rows are not copies of each other. Many nearly equal rows could take all places."""
    if len(bank) < LEAST_ROWS:
        return False
    codes, steps = _codes(bank)
    limit = NEAR * np.linalg.norm(bank - codes * steps[:, None], axis=1).max()
    squares = np.einsum("ij,ij->i", bank, bank)
    every = bank[:: -(-len(bank) // CHECKED_ROWS)]
    for start in range(0, len(every), BLOCK):
        some = every[start : start + BLOCK]
        apart = squares + np.einsum("ij,ij->i", some, some)[:, None] - 2 * some @ bank.T
        if np.count_nonzero(apart <= limit**2, axis=1).max() > CANDIDATES // 2:
            return False
    return True


def candidates(query: Var, bank: npt.NDArray[np.float32]) -> Var:
    """(n, CANDIDATES) int64, in any order: the rows of the bank (M, C) that are nearest to the
    queries (n, C), but for the error of the codes. M is at least CANDIDATES x BLOCK."""
    squares = np.sum(bank.astype(np.float64) ** 2, axis=1)
    order = np.argsort(squares, kind="stable")
    order = np.pad(order, (0, -len(order) % BLOCK), mode="edge")
    halves = (squares[order] / 2).astype(np.float32).reshape(-1, BLOCK)
    codes, steps = _codes(bank[order])
    largest = op.reduce_max(op.abs(query), axes=[1], keepdims=1)
    largest = op.max([largest, op.const(np.float32(SMALLEST))])
    products = op.matmul(_rounded(op.div(query, largest)), _stored(codes, steps))
    by_block = op.reshape(products, ints(-1, *halves.shape))
    # The smallest |q - b|^2 has the smallest b^2 / 2 - qb. The products are of q / largest.
    bounds = op.sub(
        op.const(halves.min(axis=1)),
        op.mul(largest, op.reduce_max(by_block, axes=[2], keepdims=0)),
    )
    _, blocks = op.top_k(bounds, ints(CANDIDATES), axis=1, largest=0, sorted=0)
    near = op.gather_nd(by_block, op.unsqueeze(blocks, ints(2)), batch_dims=1)
    gaps = op.sub(op.gather(op.const(halves), blocks), op.mul(op.unsqueeze(largest, ints(2)), near))
    every = ints(-1, CANDIDATES * BLOCK)
    _, places = op.top_k(op.reshape(gaps, every), ints(CANDIDATES), axis=1, largest=0, sorted=0)
    rows = op.gather(op.const(order.reshape(-1, BLOCK)), blocks)
    return op.gather_elements(op.reshape(rows, every), places, axis=1)


def _codes(
    rows: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Codes of the rows (M, C), and the value of one step of each row (M,)."""
    steps = np.maximum(np.abs(rows).max(axis=1), np.float32(SMALLEST)) / np.float32(BANK_LEVELS)
    return np.rint(rows / steps[:, None]).astype(np.int8), steps


def _rounded(values: Var) -> Var:
    """values: from -1 to 1."""
    step, zero = op.const(np.float32(1 / QUERY_LEVELS)), op.const(np.int8(0))
    return op.dequantize_linear(op.quantize_linear(values, step, zero), step, zero)


def _stored(codes: npt.NDArray[np.int8], steps: npt.NDArray[np.float32]) -> Var:
    """(C, M): the rows as columns."""
    stored = constant(np.ascontiguousarray(codes.T))
    zeros = op.const(np.zeros(len(steps), np.int8))
    return op.dequantize_linear(stored, op.const(steps), zeros, axis=1)
