"""Runs an engine file on OpenVINO, on the CPU or on an Intel GPU."""

import contextlib
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx

from engines.backends.checked import (
    CheckedEngine,
    check_device_settings,
    refuse_or_warn,
    threads_text,
)
from engines.opening import HINTS, Scores
from engines.spec import EngineSpec
from engines.spec_file import read_engine
from inspector.core.arrays import Image, Map
from inspector.core.errors import ConfigError, EngineError, InferenceError
from inspector.core.memory import return_memory
from inspector.core.threads import runtime_threads

try:
    import openvino as ov
except ModuleNotFoundError:
    ov = None  # the error comes when an engine is opened

PLUGINS: Final = {"cpu": "CPU", "intel_gpu": "GPU"}
"""Device -> name in OpenVINO."""


class OpenVinoEngine(CheckedEngine):
    """See engines.opening.Engine and open_engine for the arguments.

    The graph is compiled for one picture, because a graph for any batch takes 7 to 18 % more CPU
    time. hint: latency uses all threads for one picture; throughput runs the pictures of a batch in
    parallel, which took 12 % less time for 8 pictures on 2 threads.
    """

    def __init__(
        self,
        path: Path,
        *,
        device: str = "cpu",
        threads: int = 0,
        fall_back: bool = False,
        hint: str = "latency",
    ) -> None:
        check_device_settings(device, threads)
        threads = runtime_threads(threads)
        if hint not in HINTS:
            raise ConfigError(f"engine.hint {hint!r} is unknown; known: {', '.join(HINTS)}")
        if ov is None:
            raise EngineError(
                "running an engine on OpenVINO needs openvino: pip install '.[openvino]'"
            )
        core = ov.Core()
        plugin = _choose_plugin(core, device, fall_back)
        spec, model = read_engine(path)
        compiled = _compile(core, path, spec, model, plugin, _settings(plugin, threads, hint))
        del model
        count = (
            compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS") if hint != "latency" else 1
        )
        self._requests = [compiled.create_infer_request() for _ in range(count)]
        place = f"CPU, {threads_text(threads)}" if plugin == "CPU" else f"Intel {plugin}"
        super().__init__(path, spec, f"OpenVINO {ov.__version__.split('-')[0]}, {place}, {hint}")
        return_memory()

    def _run(self, pixels: Image) -> tuple[Map, Scores]:
        count, at_once = len(pixels), len(self._requests)
        maps = np.empty((count, *self._spec.map_hw), np.float32)
        scores = np.empty(count, np.float32)
        try:
            for index in range(count + at_once):
                request = self._requests[index % at_once]
                if (ready := index - at_once) >= 0:
                    request.wait()
                    maps[ready] = request.get_tensor("anomaly_map").data[0]
                    scores[ready] = request.get_tensor("score").data[0]
                if index < count:
                    request.start_async({"pixels": pixels[index : index + 1]}, share_inputs=True)
        except RuntimeError as exc:
            self._wait_for_all()
            raise InferenceError(f"the engine {self._path} failed: {_one_line(exc)}") from exc
        return maps, scores

    def _wait_for_all(self) -> None:
        """Waits for all requests, because they still read the caller's pictures."""
        for request in self._requests:
            with contextlib.suppress(RuntimeError):
                request.wait()

    def _release(self) -> None:
        self._requests = []


def _choose_plugin(core: Any, device: str, fall_back: bool) -> str:
    plugin = PLUGINS.get(device)
    if plugin is None:
        reason = f"OpenVINO runs on {' and '.join(PLUGINS)}"
    # If there are several GPUs, their names are GPU.0, GPU.1 and so on.
    elif any(name.split(".")[0] == plugin for name in core.available_devices):
        return plugin
    else:
        reason = "OpenVINO finds no Intel GPU with a driver here"
    refuse_or_warn(device, reason, fall_back=fall_back)
    return PLUGINS["cpu"]


def _settings(plugin: str, threads: int, hint: str) -> dict[str, Any]:
    settings: dict[str, Any] = {
        # By default it uses bfloat16 or float16 if the processor supports them.
        "INFERENCE_PRECISION_HINT": "f32",
        "EXECUTION_MODE_HINT": "ACCURACY",
        "PERFORMANCE_HINT": hint.upper(),
        "CACHE_DIR": "",
    }
    if plugin == "CPU":
        # Pinned threads wait for cores that other stages use, which takes 1.1 to 1.3 times as long.
        settings["ENABLE_CPU_PINNING"] = False
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
    return settings


def _compile(
    core: Any,
    path: Path,
    spec: EngineSpec,
    model: onnx.ModelProto,
    plugin: str,
    settings: dict[str, Any],
) -> Any:
    """Compiles the graph that was checked. The file at the path may have been replaced since."""
    try:
        graph = core.read_model(model=model.SerializeToString())
        graph.reshape({"pixels": [1, *spec.resize.input_hw, 3]})
        return core.compile_model(graph, plugin, settings)
    except RuntimeError as exc:
        raise EngineError(f"OpenVINO cannot open the engine {path}: {_one_line(exc)}") from exc


def _one_line(exc: RuntimeError) -> str:
    return " ".join(str(exc).split())
