"""Small ONNX graphs with the interface that exports of anomalib have, written without torch."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HW = (48, 64)
MAP_LIMITS = (0.6, 0.9)
SCORE_LIMITS = (0.7, 0.8)
"""Threshold and span of the normalisation."""


def disc(seed: int, *, spot: bool = False) -> np.ndarray:
    """(96, 128, 3) uint8 BGR."""
    picture = np.random.default_rng(seed).normal(160, 4, (96, 128, 3)).clip(0, 255)
    picture = picture.astype(np.uint8)
    cv2.circle(picture, (64, 48), 30, (140, 110, 90), 4)
    if spot:
        cv2.circle(picture, (90, 60), 8, (5, 5, 5), -1)
    return picture


def normal_folder(place: Path, count: int = 9) -> Path:
    place.mkdir()
    for seed in range(count):
        cv2.imwrite(str(place / f"{seed}.png"), disc(seed))
    return place


class _Graph:
    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def const(self, value: Any, dtype: Any = np.float32) -> str:
        name = f"val_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(self, op: str, *inputs: str, to: str = "", **attributes: Any) -> str:
        to = to or f"t_{len(self.nodes)}"
        new_node = helper.make_node(op, list(inputs), [to], **attributes)
        entry = new_node.metadata_props.add()
        entry.key, entry.value = "namespace", "x: anomalib.models.image.padim.lightning_model.Padim"
        self.nodes.append(new_node)
        return to

    def scaled(self, raw: str, limits: tuple[float, float]) -> str:
        shifted = self.node("Sub", raw, self.const(limits[0]))
        if limits[1] != 1:
            shifted = self.node("Div", shifted, self.const(limits[1]))
        return self.node("Add", shifted, self.const(0.5))

    def normalised(self, raw: str, limits: tuple[float, float], tail: str, to: str) -> None:
        """tail: 2.7 as anomalib 2.7 exports it, flat the same where its validation pictures all
        have one value, 2.0 as it was before, min_max with Min and Max, sigmoid a normalisation of
        another kind, raw none."""
        if tail == "raw":
            self.node("Identity", raw, to=to)
        elif tail == "sigmoid":
            self.node("Sigmoid", raw, to=to)
        elif tail == "min_max":
            low = self.node("Max", self.scaled(raw, limits), self.const(0.0))
            self.node("Min", low, self.const(1.0), to=to)
        elif tail == "2.0":
            self.node("Clip", self.scaled(raw, limits), self.const(0.0), self.const(1.0), to=to)
        else:
            ends = self.const(0.0), self.const(1.0)
            safe = (limits[0], 1.0) if tail == "flat" else limits
            clipped = self.node("Clip", self.scaled(raw, safe), *ends)
            above = self.node("Greater", raw, self.const(limits[0]))
            flat = self.node("Where", above, ends[1], ends[0])
            ranged = self.node("Where", self.const(tail == "flat", np.bool_), flat, clipped)
            known = self.const(True, np.bool_)
            self.node("Where", known, ranged, raw, to=to)


def write(
    path: Path,
    *,
    hw: tuple[int | str, int | str] = HW,
    batch: int | str = "batch_size",
    tail: str = "2.7",
    resize: tuple[int, int] | None = None,
    crop: tuple[int, int, int, int] | None = None,
    score: bool = True,
    sign: float = 1.0,
    size: float = 1.0,
    frozen_inside: bool = False,
    gate: bool = False,
    external: bool = False,
    **others: Any,
) -> Path:
    """A model whose raw map is how far a pixel lies from grey, times `size`, and its score the
    highest.

    resize, crop (top, left, bottom, right): what the graph does to its pictures first. sign: -1
    for raw values below 0. frozen_inside: the batch is free by name and 1 in a reshape. gate: an If
    whose branches take tensors from around them. others: input_names, opset, ir, no_map, dtype,
    shape, score_tail, map_limits, score_of_map (the score is the highest value of the normalised
    map), constant_score.
    """
    g = _Graph()
    x = "input"
    if resize is not None:
        sizes = g.node(
            "Concat", g.node("Shape", x, start=0, end=2), g.const(resize, np.int64), axis=0
        )
        half = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        x = g.node("Resize", x, "", "", sizes, **half)
    if crop is not None:
        ends = g.const(crop[:2], np.int64), g.const(crop[2:], np.int64)
        x = g.node("Slice", x, *ends, g.const([2, 3], np.int64))
    normal = g.node("Sub", x, g.const(np.full((3, 1, 1), 0.5)))
    normal = g.node("Div", normal, g.const(np.full((3, 1, 1), 0.25)))
    far = g.node("ReduceMean", g.node("Abs", normal), axes=[1], keepdims=1)
    blur = g.const(np.full((1, 1, 5, 5), sign * size / 25))
    raw = g.node("Conv", far, blur, pads=[2, 2, 2, 2])
    if sign < 0:
        # Larger where more anomalous, and below 0 everywhere.
        raw = g.node("Sub", g.node("Neg", raw), g.const(4.0 * size))
    if gate:
        raw = _gated(g, raw)
    if frozen_inside:
        sides = (crop and (crop[2] - crop[0], crop[3] - crop[1])) or resize or hw
        raw = g.node("Reshape", raw, g.const([1, 1, *sides], np.int64))
    outputs = [("anomaly_map", TensorProto.FLOAT), ("pred_mask", TensorProto.BOOL)]
    g.normalised(raw, others.get("map_limits", MAP_LIMITS), tail, "anomaly_map")
    g.node("Greater", "anomaly_map", g.const(0.5), to="pred_mask")
    if score:
        score_tail = others.get("score_tail", tail)
        scored = "anomaly_map" if others.get("score_of_map") else raw
        top = g.node("ReduceMax", scored, axes=[1, 2, 3], keepdims=0)
        if (constant := others.get("constant_score")) is not None:
            top = g.node("Add", g.node("Mul", top, g.const(0.0)), g.const(constant))
        g.normalised(
            g.node("Unsqueeze", top, g.const([1], np.int64)), SCORE_LIMITS, score_tail, "pred_score"
        )
        g.node("Greater", "pred_score", g.const(0.5), to="pred_label")
        outputs += [("pred_score", TensorProto.FLOAT), ("pred_label", TensorProto.BOOL)]
    if others.get("no_map"):
        outputs = outputs[2:]
    names = others.get("input_names", ["input"])
    dtype = others.get("dtype", TensorProto.FLOAT)
    shape = others.get("shape", [batch, 3, *hw])
    model = helper.make_model(
        helper.make_graph(
            g.nodes,
            "main_graph",
            [helper.make_tensor_value_info(name, dtype, shape) for name in names],
            [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs],
            g.constants,
        ),
        opset_imports=[helper.make_opsetid("", others.get("opset", 17))],
        ir_version=others.get("ir", 10),
        producer_name="pytorch",
        producer_version="2.14.1",
    )
    path.parent.mkdir(exist_ok=True)
    onnx.save(
        model,
        path,
        save_as_external_data=external,
        location=path.name + ".data",
        size_threshold=0,
    )
    return path


def _gated(g: _Graph, raw: str) -> str:
    kind = helper.make_tensor_value_info("chosen", TensorProto.FLOAT, None)
    other = helper.make_tensor_value_info("other", TensorProto.FLOAT, None)
    zero = g.const(0.0)
    then = helper.make_graph([helper.make_node("Add", [raw, zero], ["chosen"])], "then", [], [kind])
    otherwise = helper.make_graph(
        [helper.make_node("Identity", [raw], ["other"])], "else", [], [other]
    )
    many = g.node("Greater", g.node("ReduceMax", raw, keepdims=0), zero)
    return g.node("If", many, then_branch=then, else_branch=otherwise)
