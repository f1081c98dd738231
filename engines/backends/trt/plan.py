"""TensorRT plans on disk: what each was built for, which one may be taken, and how one is kept.

A plan lies beside a JSON that says what it is and what its sha256 is; without it, it counts for
nothing. Thresholds are not in it: they come from the engine file.
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
"""Rises when the same engine file would give another plan."""


def default_folder() -> Path:
    """Where plans are kept unless another folder is given: in the user's cache. Raises ConfigError
    where the user has no home folder."""
    return cache_folder() / "plans"


@dataclass(frozen=True, slots=True)
class Purpose:
    """What decides whether a plan runs and computes what its engine says.

    tensorrt: flavour and version. gpu, driver: None in a plan that was built for any GPU of its
    targets. targets: compute capabilities, such as "SM86".
    """

    graph_hash: str
    tensorrt: str
    precision: str
    targets: tuple[str, ...]
    gpu: str | None = None
    driver: str | None = None
    format: int = FORMAT

    def serves(self, wanted: "Purpose") -> bool:
        """Whether a plan of this purpose may stand for one that was built as wanted."""
        if self.gpu is None and set(wanted.targets) <= set(self.targets):
            wanted = dataclasses.replace(wanted, gpu=None, driver=None, targets=self.targets)
        return self == wanted


@dataclass(frozen=True, slots=True)
class Options:
    """What changes the speed and the memory of a plan only.

    batches: least, usual and largest number of pictures in one run. workspace_mb: most memory on
    the GPU for scratch; None leaves it to TensorRT.
    """

    batches: tuple[int, int, int] = (1, 1, 8)
    workspace_mb: int | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """What the JSON beside a plan says. sha256: of the plan. layers: of the network that TensorRT
    made of the graph. spec: of the engine file, as it was when the plan was built."""

    purpose: Purpose
    options: Options
    sha256: str
    layers: int
    seconds: float
    engine: str
    spec: dict[str, Any]
    built_utc: str


@dataclass(frozen=True, slots=True)
class Plan:
    path: Path
    record: Record

    def read(self) -> bytes:
        """Raises EngineError where it is not the plan that its JSON describes."""
        try:
            data = self.path.read_bytes()
        except OSError as exc:
            raise EngineError(f"plan {self.path} cannot be read: {exc}") from exc
        if hashlib.sha256(data).hexdigest() != self.record.sha256:
            raise EngineError(f"plan {self.path} is damaged: it does not match its checksum")
        return data


def plan_path(folder: Path, engine: Path, purpose: Purpose, options: Options) -> Path:
    """One name for each purpose and options, so that two builds of the same meet at one lock."""
    key = json.dumps([dataclasses.asdict(purpose), dataclasses.asdict(options)], sort_keys=True)
    return folder / f"{engine.stem}-{hashlib.sha256(key.encode()).hexdigest()[:12]}{SUFFIX}"


def record_path(plan: Path) -> Path:
    return plan.with_name(plan.name + ".json")


def find(folders: Iterable[Path], wanted: Purpose, options: Options | None = None) -> Plan | None:
    """The newest whole plan that serves, in the first folder that has one; None: any options."""
    for folder in folders:
        found = [plan for plan in _plans(folder) if plan.record.purpose.serves(wanted)]
        for plan in sorted(found, key=lambda plan: plan.record.built_utc, reverse=True):
            if options in (None, plan.record.options) and _is_whole(plan):
                return plan
    return None


def _plans(folder: Path) -> Iterator[Plan]:
    for path in sorted(folder.glob(f"*{SUFFIX}.json")):
        try:
            raw = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
            yield Plan(path.with_suffix(""), build(Record, raw, SpecError, "plan"))
        except (OSError, ValueError, RecursionError) as exc:
            logger.warning("{} is passed over: {}", path, exc)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


def _is_whole(plan: Plan) -> bool:
    try:
        plan.read()
    except EngineError as exc:
        logger.warning("{}; it is not used", exc)
        return False
    return True


def keep(path: Path, data: bytes, record: Record) -> Plan:
    """Writes a plan and then its JSON, each whole or not at all. Raises EngineError."""
    text = json.dumps(dataclasses.asdict(record), indent=2, allow_nan=False, ensure_ascii=False)
    write_whole(path, data, "plan ", EngineError)
    # An engine's name that is not UTF-8 becomes an escape of JSON.
    described = (text + "\n").encode("utf-8", "backslashreplace")
    write_whole(record_path(path), described, "", EngineError)
    return Plan(path, record)


def record(
    purpose: Purpose, options: Options, data: bytes, *, engine: str, spec: str, **built: Any
) -> Record:
    """built: layers and seconds."""
    digest = hashlib.sha256(data).hexdigest()
    return Record(
        purpose,
        options,
        digest,
        engine=engine,
        spec=json.loads(spec),
        built_utc=utc_now(),
        **built,
    )


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds what is written at path to one process at a time; waits for another one. On Windows two
    builds at once both build, and the last one stays."""
    beside = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT, 0o666)
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
