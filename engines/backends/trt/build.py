"""Builds the TensorRT plan of an engine file, or finds a plan that was built before.

Networks are strongly typed: TensorRT computes float32 nodes of the graph in float32, not in TF32.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import onnx
from loguru import logger

from engines.backends.trt.driver import Gpu
from engines.backends.trt.graph import float_pixels, make_symmetric
from engines.backends.trt.library import Library, interruptible, load_tensorrt, one_line
from engines.backends.trt.plan import (
    Plan,
    PlanOptions,
    Purpose,
    find_plan,
    lock_plan,
    make_record,
    plan_path,
    write_plan,
)
from engines.spec import EngineSpec
from engines.spec_file import read_engine
from inspector.core.errors import EngineError

MAX_BATCH: Final = 8


@dataclass(frozen=True, slots=True)
class BuildResult:
    """fresh: whether the plan was built now; false if it was in the folder."""

    plan: Plan
    fresh: bool


def build_plan(
    engine: Path,
    target: Gpu | tuple[str, ...],
    *,
    folder: Path,
    max_batch: int = MAX_BATCH,
    workspace_mb: int | None = None,
) -> BuildResult:
    """Builds the plan of an engine file, or returns it from the folder if it was built before.

    target: one GPU, or compute capabilities such as "SM86"; the latter needs no GPU. max_batch:
    largest number of pictures per run. workspace_mb: see PlanOptions. Raises SpecError for a file
    that is damaged or not an engine. Raises EngineError if TensorRT is missing, or if it refuses
    the graph; the message then has the name of the refused node.
    """
    library = load_tensorrt()
    spec, model = read_engine(engine)
    purpose, options = make_purpose(spec, target), _options(spec, max_batch, workspace_mb)
    path = plan_path(folder, engine, purpose, options)
    with lock_plan(path):
        if plan := find_plan((folder,), purpose, options):
            return BuildResult(plan, fresh=False)
        logger.info("building {} with {}; this can take minutes", path, library.version)
        start = time.monotonic()
        with interruptible():
            data, layers = _compile(library, engine, model, spec, purpose, options)
        record = make_record(
            purpose,
            options,
            data,
            engine=engine.name,
            spec=spec.to_json(),
            layers=layers,
            seconds=round(time.monotonic() - start, 3),
        )
        return BuildResult(write_plan(path, data, record), fresh=True)


def plan_for(engine: Path, gpu: Gpu, folder: Path) -> Plan:
    """Finds a plan for this graph, TensorRT, GPU and driver, or builds it in the folder of plans.

    The folder of the engine file is searched first, then the folder of plans.
    """
    purpose = make_purpose(read_engine(engine)[0], gpu)
    return (
        find_plan((engine.parent, folder), purpose) or build_plan(engine, gpu, folder=folder).plan
    )


def make_purpose(spec: EngineSpec, target: Gpu | tuple[str, ...]) -> Purpose:
    """Purpose of a plan. Raises EngineError if TensorRT does not support a target."""
    library = load_tensorrt()
    on_site = isinstance(target, Gpu)
    targets = (target.target,) if isinstance(target, Gpu) else tuple(sorted(set(target)))
    known = library.targets
    if not known and not on_site:
        raise EngineError(
            f"{library.version} builds for the GPU of this machine only; to build for other "
            "GPUs, install TensorRT RTX: pip install '.[trt]'"
        )
    if known and (unknown := [name for name in targets if name not in known]):
        raise EngineError(
            f"{library.version} does not build for {', '.join(unknown)}, "
            f"only for {', '.join(known)}" + ("; install tensorrt instead" if on_site else "")
        )
    return Purpose(
        graph_hash=spec.graph_hash,
        tensorrt=library.version,
        precision=spec.precision,
        targets=targets,
        gpu=target.name if isinstance(target, Gpu) else None,
        driver=target.driver if isinstance(target, Gpu) else None,
    )


def _options(spec: EngineSpec, max_batch: int, workspace_mb: int | None) -> PlanOptions:
    most = min(max_batch, spec.max_batch or max_batch)
    return PlanOptions((1, 1, most), workspace_mb)


def _compile(
    library: Library,
    engine: Path,
    model: onnx.ModelProto,
    spec: EngineSpec,
    purpose: Purpose,
    options: PlanOptions,
) -> tuple[bytes, int]:
    """The plan, and the number of layers of its network."""
    api = library.api
    builder = library.make("start", api.Builder, library.log)
    typed = 1 << int(api.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = builder.create_network(typed)
    model = float_pixels(model)
    make_symmetric(model.graph)
    _parse(library, engine, model, network)
    config = builder.create_builder_config()
    config.clear_flag(api.BuilderFlag.TF32)
    if options.workspace_mb is not None:
        config.set_memory_pool_limit(api.MemoryPoolType.WORKSPACE, options.workspace_mb << 20)
    profile = builder.create_optimization_profile()
    profile.set_shape("pixels", *((n, *spec.resize.input_hw, 3) for n in options.batches))
    config.add_optimization_profile(profile)
    if library.is_rtx:
        config.num_compute_capabilities = len(purpose.targets)
        for index, name in enumerate(purpose.targets):
            config.set_compute_capability(getattr(api.ComputeCapability, name), index)
    try:
        plan = library.make(
            f"build a plan of {engine}", builder.build_serialized_network, network, config
        )
    except EngineError as exc:
        if "Turing" not in str(exc):
            raise
        raise EngineError(
            f"{library.version} has no float32 products on Turing cards (SM75), but {engine} needs "
            "them: for such a card, pip install tensorrt-cu13"
        ) from exc
    return bytes(plan), network.num_layers


def _parse(library: Library, engine: Path, model: onnx.ModelProto, network: Any) -> None:
    parser = library.api.OnnxParser(network, library.log)
    if parser.parse(model.SerializeToString()):
        return
    if not parser.num_errors:
        raise EngineError(f"{library.version} cannot parse {engine}: {library.reason()}")
    error = parser.get_error(0)
    raise EngineError(
        f"{library.version} refuses the node {error.node_name()} ({error.node_operator()}) "
        f"of {engine}: {one_line(error.desc())}"
    )
