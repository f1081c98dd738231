"""Fits one Gaussian per position, in float64 and in chunks of positions.

PaDiM (arXiv 2011.08785), section 3.2: mean, covariance over N - 1, plus epsilon on its diagonal.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
import numpy.typing as npt

from inspector.core.errors import DataError
from inspector.core.threads import runtime_threads
from learning.graph.gaussian_cells import Gaussians, Joining

CHUNK_BYTES: Final = 4_000_000
"""Of float64 vectors and matrices of the positions that a thread holds; temporary arrays need three
times as much more. With larger chunks, which leave the cache of the CPU, a fit took twice as
long."""

THREADS: Final = 2
"""Most threads that work on chunks. Another thread scores pictures meanwhile."""

NormalFeatures = dict[str, npt.NDArray[np.float32]]
"""layer -> (h, w, N, c): the chosen channels of the normal pictures, by position."""

LAPACK_SIZE: Final = 16

ONE_THREAD: Final = 250_000
"""Multiplications of a matrix product that OpenBLAS does not spread over threads."""

LEAST_EPSILON: Final = 1e-4
"""In units of the mean squared feature. For identical pictures it keeps the rounding of float32
(1e-6 of a feature) small in the scores."""

Float = npt.NDArray[np.float64]


def mean_variance(normals: NormalFeatures) -> float:
    """Variance of a channel at a position (over N - 1), averaged over channels and positions."""
    variances = [
        _per_row(values, lambda row: row.var(axis=1, ddof=1)) for values in normals.values()
    ]
    return _mean_of_channels(normals, variances)


def mean_square(normals: NormalFeatures) -> float:
    """Mean square of a channel at a position, averaged over both."""
    squares = [_per_row(values, np.square) for values in normals.values()]
    return _mean_of_channels(normals, squares)


def _per_row(values: npt.NDArray[np.float32], measure: Callable[[Float], Float]) -> float:
    return float(np.mean([measure(row.astype(np.float64)).mean() for row in values]))


def _mean_of_channels(normals: NormalFeatures, means: list[float]) -> float:
    return float(np.average(means, weights=[values.shape[3] for values in normals.values()]))


def gaussians(
    normals: NormalFeatures, joining: Joining, epsilon: float, *, low_rank: bool, dtype: str
) -> Gaussians:
    """See learning.graph.gaussian_cells for the two forms. Raises DataError if a matrix does not
    fit dtype."""
    positions = joining.grid_hw[0] * joining.grid_hw[1]
    pictures = next(iter(normals.values())).shape[2]
    dims = joining.dims
    rows = min(pictures - 1, dims) if low_rank else dims
    means = np.empty((positions, dims), np.float32)
    matrices = np.empty((positions, rows, dims), dtype)
    factor = _complement if low_rank else _whitening

    def fit(at: slice) -> None:
        vectors = _vectors(normals, joining, at)
        mean = vectors.mean(axis=1, keepdims=True)
        means[at] = mean[:, 0]
        with np.errstate(over="ignore"):
            matrices[at] = factor(vectors - mean, epsilon)

    step = max(1, CHUNK_BYTES // (8 * dims * (pictures + dims)))
    chunks = [slice(start, min(start + step, positions)) for start in range(0, positions, step)]
    threads = min(THREADS, runtime_threads(0) or THREADS)
    with ThreadPoolExecutor(threads, "gaussians") as pool:
        deque(pool.map(fit, chunks), maxlen=0)  # it raises their errors
    if not np.isfinite(matrices).all():
        raise DataError(
            f"epsilon {epsilon:g} is too small for {dtype} matrices: use a larger epsilon or "
            "precision float32"
        )
    return Gaussians(means, matrices, epsilon if low_rank else None)


def _vectors(normals: NormalFeatures, joining: Joining, at: slice) -> Float:
    """(p, N, d) of the positions."""
    rows_at, columns_at = np.divmod(np.arange(at.start, at.stop), joining.grid_hw[1])
    parts = []
    for layer, values in normals.items():
        rows, columns = joining.sources(layer)
        parts.append(values[rows[rows_at], columns[columns_at]])
    return np.concatenate(parts, axis=2, dtype=np.float64)


def _whitening(deviations: Float, epsilon: float) -> Float:
    """(p, N, d) -> (p, d, d): W with W^T W = S^-1."""
    pictures, dims = deviations.shape[1:]
    covariance = _product(deviations.transpose(0, 2, 1), deviations) / (pictures - 1)
    return _inverse_factor(covariance + epsilon * np.eye(dims))


def _complement(deviations: Float, epsilon: float) -> Float:
    """(p, N, d) -> (p, r, d) with A^T A = I/epsilon - S^-1, r = min(N - 1, d).

    With X the deviations in r rows (X^T X = (N - 1) (S - epsilon I)) and Woodbury's identity,
    A = chol(epsilon ((N - 1) epsilon I + X X^T))^-1 X: diag(sqrt(l / (epsilon (l + epsilon))))
    U^T of the eigenvalues l up to a rotation of its rows, without an eigenproblem per position.
    """
    pictures, dims = deviations.shape[1:]
    rows = _contrasts(deviations)
    if pictures - 1 > dims:
        rows = np.asarray(np.linalg.qr(rows, mode="r"))
    gram = _product(rows, rows.transpose(0, 2, 1))
    gram += (pictures - 1) * epsilon * np.eye(rows.shape[1])
    return _product(_inverse_factor(epsilon * gram), rows)


def _contrasts(deviations: Float) -> Float:
    """(p, N, d) -> (p, N - 1, d) with the same X^T X, which N rows that sum to zero allow: each
    row against the mean of those before it (Helmert's contrasts)."""
    before = np.arange(1, deviations.shape[1])[:, None]
    rows = np.cumsum(deviations, axis=1)[:, :-1] - before * deviations[:, 1:]
    return np.asarray(rows / np.sqrt(before * (before + 1)))


def _product(left: Float, right: Float) -> Float:
    """left @ right of stacks of matrices, by slices of the inner axis small enough that BLAS keeps
    each to one thread: see _inverse_factor."""
    inner = left.shape[2]
    step = max(16, ONE_THREAD // (left.shape[1] * right.shape[2]))
    # The copy is needed: numpy multiplies a matrix by its transpose on all threads.
    left = left.copy()
    total = left[:, :, :step] @ right[:, :step]
    for start in range(step, inner, step):
        total += left[:, :, start : start + step] @ right[:, start : start + step]
    return total


def _inverse_factor(matrices: Float) -> Float:
    """(p, n, n) positive definite -> (p, n, n) lower triangular: inverses of the Cholesky factors.

    It works by halves, so that nearly all of the work is small products: LAPACK uses several
    threads for every single matrix, and waiting for them took 30 times as long on a busy machine.
    """
    size = matrices.shape[1]
    if size <= LAPACK_SIZE:
        return np.tril(np.linalg.inv(np.linalg.cholesky(matrices)))
    half = size // 2
    factor = np.zeros_like(matrices)
    upper = _inverse_factor(matrices[:, :half, :half])
    across = matrices[:, half:, :half] @ upper.transpose(0, 2, 1)
    rest = matrices[:, half:, half:] - across @ across.transpose(0, 2, 1)
    lower = _inverse_factor(rest)
    factor[:, :half, :half], factor[:, half:, half:] = upper, lower
    factor[:, half:, :half] = -lower @ (across @ upper)
    return factor
