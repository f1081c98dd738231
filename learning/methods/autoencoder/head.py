"""Adds the network of the autoencoder to the graph."""

import numpy as np
import spox
import spox.opset.ai.onnx.v17 as op
from spox import Var

from learning.graph.half_marks import mark_half
from learning.methods.autoencoder.model import Convolution, Network


def reconstruct(picture: Var, network: Network, hw: tuple[int, int]) -> Var:
    """(N, 3, H, W) in [-1, 1] -> the same. The network may be computed in half precision."""
    argument = spox.argument(spox.Tensor(np.float32, ("N", 3, *hw)))
    alone = spox.build({"picture": argument}, {"drawn": _draw(argument, network)})
    for node in alone.graph.node:
        if node.op_type == "MaxPool":
            del node.output[1:]  # the indices, which nothing reads and TensorRT refuses
    return spox.inline(mark_half(alone))(picture=picture)["drawn"]


def _draw(values: Var, network: Network) -> Var:
    sizes: list[Var] = []
    for index, block in enumerate(network.encoder):
        if index:
            values = op.max_pool(values, kernel_shape=[2, 2], strides=[2, 2])[0]
        values = _block(values, block)
        sizes.append(values)
    sizes.pop()
    for step in network.decoder:
        up, skip = step.up, sizes.pop()
        values = op.conv_transpose(
            values, op.const(up.kernel), op.const(up.bias), strides=[2, 2], kernel_shape=[2, 2]
        )
        if step.skip:
            values = op.concat([skip, values], axis=1)
        values = _block(values, step.block)
    return op.tanh(_convolve(values, network.head))


def _block(values: Var, block: tuple[Convolution, Convolution]) -> Var:
    for convolution in block:
        values = op.relu(_convolve(values, convolution))
    return values


def _convolve(values: Var, convolution: Convolution) -> Var:
    border = convolution.kernel.shape[2] // 2
    return op.conv(
        values, op.const(convolution.kernel), op.const(convolution.bias), pads=[border] * 4
    )
