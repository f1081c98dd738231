"""Stores TensorRT plans on disk and finds a plan that fits an engine, a TensorRT and a GPU.

Each plan has a JSON file beside it that describes it and holds its sha256. A plan without this file
is ignored. Thresholds are not in the plan: they come from the engine file.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from loguru import logger

from inspector.core.cache import cache_folder
from inspector.core.clock import utc_now
from inspector.core.errors import EngineError, SpecError
from inspector.core.files import lock, write_whole
from inspector.core.schema import build

SUFFIX: Final = ".plan"
FORMAT: Final = 1
"""Increase this number if the same engine file gives another plan."""


def default_folder() -> Path:
    """The default folder of plans, in the user's cache. Raises ConfigError if the user has no home
    folder."""
    return cache_folder() / "plans"


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a plan was built for. A plan for another purpose may fail or give other results.

    tensorrt: name and version. targets: compute capabilities, such as "SM86". gpu, driver: None if
    the plan was built for every GPU of its targets.
    """

    graph_hash: str
    tensorrt: str
    precision: str
    targets: tuple[str, ...]
    gpu: str | None = None
    driver: str | None = None
    format: int = FORMAT

    def serves(self, other: "Purpose") -> bool:
        """Whether a plan for this purpose can be used for the other purpose."""
        if self.gpu is None and set(other.targets) <= set(self.targets):
            other = dataclasses.replace(other, gpu=None, driver=None, targets=self.targets)
        return self == other


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """Options that change only the speed and the memory of a plan.

    batches: smallest, usual and largest number of pictures in one run. workspace_mb: limit of
    temporary memory on the GPU, MB; None lets TensorRT choose.
    """

    batches: tuple[int, int, int] = (1, 1, 8)
    workspace_mb: int | None = None


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """Content of the JSON file beside a plan.

    sha256: of the plan. layers: number of layers of the TensorRT network. seconds: duration of the
    build. engine: name of the engine file. spec: its spec when the plan was built.
    """

    purpose: Purpose
    options: PlanOptions
    sha256: str
    layers: int
    seconds: float
    engine: str
    spec: dict[str, Any]
    built_utc: str


@dataclass(frozen=True, slots=True)
class Plan:
    path: Path
    record: PlanRecord

    def read(self) -> bytes:
        """Reads the plan. Raises EngineError if its checksum differs from the record."""
        try:
            data = self.path.read_bytes()
        except OSError as exc:
            raise EngineError(f"plan {self.path} cannot be read: {exc}") from exc
        if hashlib.sha256(data).hexdigest() != self.record.sha256:
            raise EngineError(f"plan {self.path} is damaged: it does not match its checksum")
        return data


def plan_path(folder: Path, engine: Path, purpose: Purpose, options: PlanOptions) -> Path:
    """Path for this purpose and these options. Two builds of the same plan use the same lock."""
    key = json.dumps([dataclasses.asdict(purpose), dataclasses.asdict(options)], sort_keys=True)
    return folder / f"{engine.stem}-{hashlib.sha256(key.encode()).hexdigest()[:12]}{SUFFIX}"


def record_path(plan: Path) -> Path:
    return plan.with_name(plan.name + ".json")


def find_plan(
    folders: Iterable[Path], purpose: Purpose, options: PlanOptions | None = None
) -> Plan | None:
    """The newest undamaged plan for this purpose, in the first folder that has one.

    options: options that the plan must have; None: any.
    """
    for folder in folders:
        plans = [plan for plan in _read_plans(folder) if plan.record.purpose.serves(purpose)]
        for plan in sorted(plans, key=lambda plan: plan.record.built_utc, reverse=True):
            if options in (None, plan.record.options) and _is_undamaged(plan):
                return plan
    return None


def _read_plans(folder: Path) -> Iterator[Plan]:
    for path in sorted(folder.glob(f"*{SUFFIX}.json")):
        try:
            raw = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
            yield Plan(path.with_suffix(""), build(PlanRecord, raw, SpecError, "plan"))
        except (OSError, ValueError, RecursionError) as exc:
            logger.warning("{} is skipped: {}", path, exc)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _is_undamaged(plan: Plan) -> bool:
    try:
        plan.read()
    except EngineError as exc:
        logger.warning("{}; it is not used", exc)
        return False
    return True


def write_plan(path: Path, data: bytes, record: PlanRecord) -> Plan:
    """Writes a plan and then its JSON file, each completely or not at all. Raises EngineError."""
    text = json.dumps(dataclasses.asdict(record), indent=2, allow_nan=False, ensure_ascii=False)
    write_whole(path, data, "plan ", EngineError)
    # A file name that is not UTF-8 is written with JSON escapes.
    described = (text + "\n").encode("utf-8", "backslashreplace")
    write_whole(record_path(path), described, "", EngineError)
    return Plan(path, record)


def make_record(
    purpose: Purpose, options: PlanOptions, data: bytes, *, engine: str, spec: str, **built: Any
) -> PlanRecord:
    """built: layers and seconds."""
    digest = hashlib.sha256(data).hexdigest()
    return PlanRecord(
        purpose,
        options,
        digest,
        engine=engine,
        spec=json.loads(spec),
        built_utc=utc_now(),
        **built,
    )


@contextlib.contextmanager
def lock_plan(path: Path) -> Iterator[None]:
    """Lets only one process at a time write to path; another process waits.

    On Windows two processes both build the plan, and the second one replaces the first.
    """
    lock_path = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as exc:
        raise EngineError(f"{path} cannot be written: {exc}") from exc
    try:
        try:
            lock(descriptor)
        except BlockingIOError:
            logger.info("waiting for another process that builds {}", path)
            lock(descriptor, wait=True)
        yield
    finally:
        os.close(descriptor)
