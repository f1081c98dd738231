"""What torch.load raises for a damaged file: its unpickler checks few of the values that it takes
from the file. This module itself needs no torch."""

import pickle
import struct
from typing import Final

DAMAGED: Final = (
    pickle.UnpicklingError,
    struct.error,
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
)
"""Seen with `weights_only` over 10,000 files with flipped bytes. An OSError is another matter: the
file cannot be read."""
