"""Marks in the graph of what may be computed or stored in half precision; all else is float32.

A node of the backbone carries HALF in its doc string. A constant of a head that may be stored in
float16 stands behind a cast to float32, whatever it is stored in now, and so is computed with in
float32. Distances, norms, maps and scores carry no mark.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import onnx
import spox.opset.ai.onnx.v17 as op
from spox import Var

HALF: Final = "half precision allowed"


def mark_half(trunk: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose nodes are all marked."""
    marked = onnx.ModelProto()
    marked.CopyFrom(trunk)
    for node in marked.graph.node:
        node.doc_string = HALF
    return marked


def stored(values: npt.NDArray[np.floating]) -> Var:
    """A constant, float16 or float32, as float32."""
    return op.cast(op.const(np.ascontiguousarray(values)), to=np.float32)
