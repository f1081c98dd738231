"""The nearest-neighbour search of RAD in batched numpy, for scoring normals while fitting."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


def best_in_window(query: Array, bank: Array, radius: int, mask: Array | None) -> Array:
    """Largest cosines (n, h, w). query: (n, C, h, w). bank: (h*w, C, N). mask: (n, N) or None.

    It takes one row of the grid at a time, so that the cosines stay in the cache of the CPU.
    """
    count, channels, height, width = query.shape
    cells = bank.reshape(height, width, channels, -1)
    lined = np.ascontiguousarray(query.transpose(2, 3, 0, 1))
    best = np.full((height, width, count), -np.inf, np.float32)
    cosines = np.empty((width, count, cells.shape[3]), np.float32)
    for row in range(height):
        for bank_row in range(max(0, row - radius), min(height, row + radius + 1)):
            for dx in range(-min(radius, width - 1), min(radius, width - 1) + 1):
                columns, bank_columns = _overlap(width, dx)
                near = cosines[: width - abs(dx)]
                np.matmul(lined[row, columns], cells[bank_row, bank_columns], out=near)
                if mask is not None:
                    near += mask
                part = best[row, columns]
                np.maximum(part, near.max(axis=-1), out=part)
    return best.transpose(2, 0, 1)


def _overlap(length: int, shift: int) -> tuple[slice, slice]:
    """Positions i with i + shift inside the axis, and those i + shift."""
    start, stop = max(0, -shift), length - max(0, shift)
    return slice(start, stop), slice(start + shift, stop + shift)


def best_anywhere(query: Array, bank: Array) -> Array:
    """Largest cosines (n, h, w) with any column of the bank (C, M)."""
    count, channels, height, width = query.shape
    best = np.empty((count, height * width), np.float32)
    for index in range(count):
        best[index] = (query[index].reshape(channels, -1).T @ bank).max(axis=1)
    return best.reshape(count, height, width)


def mask_of_chosen(query: Array, descriptors: Array, top_k: int) -> Array:
    """(n, N): 0 for the top_k most similar pictures, -inf for the others."""
    similarity = query @ descriptors.T
    kth = min(top_k, len(descriptors))
    last = -np.partition(-similarity, kth - 1, axis=1)[:, kth - 1 : kth]
    return np.where(similarity >= last, np.float32(0), np.float32(-np.inf))
