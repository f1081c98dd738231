"""Runs an engine file on TensorRT, and builds the plan first if there is none."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from engines.backends.checked import CheckedEngine, check_device_settings
from engines.backends.trt.build import plan_for
from engines.backends.trt.driver import Cuda
from engines.backends.trt.library import load_tensorrt
from engines.backends.trt.plan import default_folder
from engines.backends.trt.session import PlanRunner
from engines.opening import Scores
from engines.spec_file import read_spec
from inspector.core.arrays import Image, Map
from inspector.core.errors import EngineError, InferenceError

DEVICE: Final = "cuda"


class TrtEngine(CheckedEngine):
    """See engines.opening.Engine and open_engine for the arguments.

    Runs on the first GPU that the process sees. fall_back and threads have no effect. Thresholds
    come from the engine file, not from the plan.
    """

    def __init__(
        self,
        path: Path,
        *,
        device: str = DEVICE,
        threads: int = 0,
        fall_back: bool = False,
        plan_dir: Path | None = None,
    ) -> None:
        check_device_settings(device, threads)
        if device != DEVICE:
            raise EngineError(f"engine.device is {device}, but backend trt runs on {DEVICE} only")
        spec, library = read_spec(path), load_tensorrt()
        with contextlib.ExitStack() as stack:
            cuda = Cuda()
            stack.callback(cuda.close)
            plan = plan_for(path, cuda.gpu, plan_dir or default_folder())
            self._runner = PlanRunner(library, cuda, plan, spec)
            stack.callback(self._runner.close)
            self._resources = stack.pop_all()
        where = f"CUDA, {cuda.gpu.name}, {plan.record.purpose.precision}"
        most = plan.record.options.batches[-1]
        super().__init__(path, spec, f"{library.version}, {where}", most=most)

    def _run(self, pixels: Image) -> tuple[Map, Scores]:
        with self._inference_errors():
            return self._runner.run(pixels)

    def _device_ms(self, pixels: Image, runs: int) -> list[float]:
        with self._inference_errors():
            return self._runner.device_ms(pixels, runs)

    @contextlib.contextmanager
    def _inference_errors(self) -> Iterator[None]:
        try:
            yield
        except EngineError as exc:
            raise InferenceError(f"the engine {self._path} failed: {exc}") from exc

    def _release(self) -> None:
        self._resources.close()
