"""Marks what may be computed or stored in half precision; everything else is float32.

A node of the backbone has HALF in its doc string. A constant of a head that may be stored in
float16 is followed by a cast to float32, even if it is stored in float32 now, so the graph computes
with it in float32. Distances, norms, maps and scores have no mark.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import onnx
import spox.opset.ai.onnx.v17 as op
from spox import Var

from learning.graph.constants import constant

HALF: Final = "half precision allowed"


def mark_half(trunk: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose nodes are all marked."""
    marked = onnx.ModelProto()
    marked.CopyFrom(trunk)
    for node in marked.graph.node:
        node.doc_string = HALF
    return marked


def as_float32(values: npt.NDArray[np.floating]) -> Var:
    """A constant, float16 or float32, as float32."""
    return op.cast(constant(values), to=np.float32)
