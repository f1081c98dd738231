"""Tests which package may import which, and that fitting and inspecting never import torch."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tools.fit import main as fit

ROOT = Path(__file__).parents[1]
PROJECT = (
    "inspector",
    "engines",
    "learning",
    "evaluation",
    "calibration",
    "studies",
    "tools",
    "run_inspector",
    "benchmarks",
)

PACKAGES = ("inspector", "engines", "learning", "evaluation", "calibration", "studies")
"""Whose modules follow every rule."""

CORE, TOP, BACKENDS, TRT = "inspector.core", "engines", "engines.backends", "engines.backends.trt"
LEARNING, METRICS, DATASETS = "learning", "learning.metrics", "learning.datasets"
GRAPH, BACKBONES, THRESHOLDS = "learning.graph", "learning.backbones", "learning.thresholds"
METHODS, ANOMALIB = "learning.methods", "learning.anomalib"
SIMULATION, SELECTION = "learning.simulation", "learning.selection"
DOWNLOADS = "learning.downloads"
FOREGROUND = "learning.foreground"
LINES = "learning.lines"
METHOD_FOLDERS = sorted(path.parent.name for path in ROOT.glob("learning/methods/*/method.py"))
ANY_METHOD = {METHODS, *(f"{METHODS}.{name}" for name in METHOD_FOLDERS)}
TRAINING = "learning.methods.glass.training"

FLEET = "inspector.fleet"
MODULE_PROCESS = "inspector.module_process"

RUNTIMES = {"onnxruntime", "openvino", "tensorrt", "tensorrt_rtx", "cuda"}

RULES: dict[str, tuple[set[str], set[str]]] = {
    "inspector/core": ({CORE}, {"numpy", "yaml"}),
    "calibration": ({CORE, "calibration"}, {"numpy", "cv2", "yaml"}),
    "engines": ({CORE, TOP, BACKENDS}, {"av", "numpy", "cv2", "yaml", "onnx", "google"}),
    "engines/backends": ({CORE, TOP, BACKENDS, TRT}, {"numpy", "onnx", *RUNTIMES}),
    "engines/backends/trt": ({CORE, TOP, BACKENDS, TRT}, {"numpy", "onnx", *RUNTIMES}),
    "learning/metrics": ({CORE, METRICS}, {"numpy", "scipy", "cv2"}),
    "learning/datasets": ({CORE, TOP, DATASETS}, {"numpy", "cv2"}),
    "learning/graph": ({CORE, TOP, GRAPH}, {"numpy", "onnx", "spox", "google"}),
    "learning/downloads": (
        # Files come by the same HTTP client as network sources: it resumes and has time limits.
        {CORE, TOP, DATASETS, DOWNLOADS}
        | {"inspector.sources.http_body", "inspector.sources.http_client"},
        {"numpy", "cv2"},
    ),
    "learning/backbones": (
        {CORE, TOP, BACKENDS, LEARNING, BACKBONES, DOWNLOADS},
        {"numpy", "onnx", "onnxruntime", "google"},
    ),
    "learning/methods": (
        {CORE, TOP, LEARNING, GRAPH, BACKBONES, METHODS},
        {"numpy", "scipy", "spox", "onnx"},
    ),
    **{
        f"learning/methods/{name}": (
            {CORE, TOP, LEARNING, DATASETS, GRAPH, BACKBONES, THRESHOLDS, METHODS}
            | {f"{METHODS}.{name}", TRAINING},
            {"numpy", "scipy", "spox"},
        )
        for name in METHOD_FOLDERS
    },
    # Its parts are other methods.
    "learning/methods/ensemble": (
        {CORE, LEARNING, GRAPH, BACKBONES, METHODS}
        | {f"{METHODS}.{name}" for name in ("ensemble", "rad", "whitened")},
        {"numpy", "spox"},
    ),
    "learning/methods/glass/training": (
        {CORE, TOP, LEARNING, DATASETS, METRICS, GRAPH, BACKBONES, METHODS}
        | {f"{METHODS}.glass", TRAINING},
        {"numpy", "scipy", "cv2"},
    ),
    "learning/methods/autoencoder/training": (
        {CORE, TOP, LEARNING, GRAPH, METHODS, SIMULATION, "learning.methods.autoencoder"}
        | {"learning.methods.autoencoder.training"},
        {"numpy", "cv2", "onnx"},
    ),
    "learning/thresholds": (
        # Thresholds can be chosen from new pictures of a folder.
        {CORE, TOP, LEARNING, DATASETS, GRAPH, METHODS, METRICS, THRESHOLDS},
        {"numpy", "scipy"},
    ),
    "learning/simulation": (
        # Outlines are made and measured by the same functions as those of known size.
        {CORE, "inspector.synthetic.defect_shapes", SIMULATION},
        {"numpy", "cv2"},
    ),
    "learning/selection": (
        {CORE, TOP, LEARNING, GRAPH, BACKBONES, METHODS, THRESHOLDS, SIMULATION, SELECTION},
        {"numpy"},
    ),
    "learning/anomalib": (
        {CORE, TOP, BACKENDS, LEARNING, GRAPH, THRESHOLDS, ANOMALIB},
        {"numpy", "onnx", "onnxruntime", "google"},
    ),
    "learning/foreground": (
        {CORE, TOP, LEARNING, BACKBONES, DATASETS, GRAPH, METHODS, FOREGROUND},
        {"numpy", "scipy", "cv2", "spox"},
    ),
    "learning/quantising": (
        {CORE, TOP, BACKENDS, LEARNING, GRAPH, BACKBONES, METHODS, THRESHOLDS}
        | {"learning.quantising"},
        {"numpy", "onnx", "onnxruntime"},
    ),
    "learning/lines": (
        {CORE, LEARNING, BACKBONES, GRAPH, METHODS, THRESHOLDS, LINES},
        {"numpy", "cv2", "onnx", "spox"},
    ),
    "learning/api": (
        {CORE, TOP, BACKBONES, DATASETS, LEARNING, METHODS, SELECTION, THRESHOLDS}
        | {FOREGROUND, "learning.api"},
        set(),
    ),
    "learning": (
        {
            CORE,
            TOP,
            BACKENDS,
            LEARNING,
            "learning.api",
            DATASETS,
            GRAPH,
            BACKBONES,
            THRESHOLDS,
            SIMULATION,
        }
        | {SELECTION, METRICS, FLEET, FOREGROUND, LINES, *ANY_METHOD},
        {"numpy", "cv2", "onnx", "spox"},
    ),
    "evaluation": (
        {CORE, TOP, BACKENDS, TRT, METRICS, DATASETS, LEARNING, THRESHOLDS, "evaluation"}
        | {"inspector.processing", "inspector.health", "inspector.run", MODULE_PROCESS, FLEET},
        {"numpy", "cv2"},
    ),
    "evaluation/report": (
        {CORE, TOP, METRICS, DATASETS, LEARNING, SELECTION, SIMULATION, THRESHOLDS}
        | {"inspector.render", "inspector.report", "evaluation", "evaluation.report"},
        {"numpy", "cv2", "weasyprint"},
    ),
    "evaluation/gauge": (
        # The measurements of a study can come from the logs of runs.
        {CORE, METRICS, "evaluation.formats", "evaluation.report", "evaluation.gauge"}
        | {"inspector.outputs.json_log", "inspector.report"},
        {"numpy", "scipy"},
    ),
    "evaluation/replay": (
        # A run is judged again by the same pipeline, from the configuration in its log.
        {CORE, TOP, METRICS, "calibration", "inspector", "inspector.config", "inspector.pipeline"}
        | {"inspector.sources", "inspector.sources.options", "inspector.parts.options"}
        | {
            "inspector.outputs",
            "inspector.report",
            "evaluation",
            "evaluation.report",
            "evaluation.replay",
        },
        {"numpy", "cv2", "scipy"},
    ),
    "evaluation/teaching": (
        # The paired figures are those of a replay.
        {CORE, TOP, LEARNING, THRESHOLDS, "inspector.report", "inspector.store"}
        | {"evaluation", "evaluation.replay", "evaluation.report", "evaluation.teaching"},
        {"numpy", "cv2"},
    ),
    "evaluation/acceptance": (
        {CORE, TOP, METRICS, DATASETS, LEARNING, SIMULATION, THRESHOLDS, "calibration"}
        | {"inspector.processing", "inspector.health", "inspector.synthetic.defect_shapes"}
        | {"inspector.report", "evaluation", "evaluation.report", "evaluation.acceptance"},
        {"numpy", "cv2", "scipy"},
    ),
    "studies/shift": (
        {CORE, TOP, METRICS, DATASETS, LEARNING, THRESHOLDS, METHODS, BACKBONES, "evaluation"}
        | {"inspector.processing", "inspector.health", "inspector.report", "evaluation.report"}
        # The paired test of verdicts is the one of two runs.
        # Patches are embedded as PatchCore does it.
        | {"studies.shift", "evaluation.replay", GRAPH, FLEET},
        {"numpy", "cv2", "sklearn", "threadpoolctl"},
    ),
    "inspector/sources": (
        # Folders are read by the same decoder when fitting and when inspecting.
        {CORE, "engines.pictures", "inspector.synthetic", "inspector.sources"},
        {"av", "cv2", "numpy"},
    ),
    "inspector/sources/genicam": (
        {CORE, "engines.pictures", "inspector.sources", "inspector.sources.genicam"},
        {"cv2", "gi", "numpy"},
    ),
    "inspector/synthetic": (
        # Test videos show pictures of data sets, which are decoded as in an inspection.
        {CORE, "engines.pictures", "inspector.render", "inspector.synthetic"},
        {"av", "cv2", "numpy", "skimage"},
    ),
    "inspector/processing": (
        {CORE, "engines.spec", "engines.resize", "inspector.processing"},
        {"cv2", "numpy"},
    ),
    "inspector/health": ({CORE, TOP, "inspector.health"}, {"cv2", "numpy"}),
    "inspector/measure": (
        {CORE, "calibration", "inspector.measure"},
        {"numpy", "contourpy", "cv2", "scipy"},
    ),
    "inspector/explain": (
        # Outlines are measured by the same functions as sizes.
        {CORE, "inspector.measure", "inspector.explain"},
        {"cv2", "numpy"},
    ),
    "inspector/evidence": (
        # The names of the files of a run.
        {CORE, "inspector.outputs.folder", "inspector.evidence"},
        {"cryptography"},
    ),
    "inspector/tracking": (
        {CORE, "calibration", "inspector.connections", "inspector.tracking"},
        {"cv2", "numpy"},
    ),
    "inspector/parts": (
        {CORE, "inspector.tracking", "inspector.parts"},
        {"cv2", "numpy", "zxingcpp"},
    ),
    "inspector/triggers": (
        {CORE, "inspector.connections", "inspector.machine", "inspector.triggers"},
        set(),
    ),
    "inspector/render": ({CORE, "calibration.units", "inspector.render"}, {"cv2", "numpy"}),
    "inspector/outputs": (
        # The tables have one column for each figure of a shape.
        {CORE, MODULE_PROCESS, "inspector.render", "calibration.units", "inspector.outputs"}
        | {"inspector.measure.shape_figures", "inspector.explain.options", "inspector.connections"},
        {"av", "cv2", "numpy", "pygame"},
    ),
    "inspector/report": (
        # Kinds and sentences are in the language of the report.
        {CORE, "calibration.units", "inspector.explain.wording", "inspector.report"}
        | {
            f"inspector.outputs.{name}"
            for name in ("folder", "json_log", "options", "records", "video_list")
        },
        {"av", "cv2", "numpy", "weasyprint"},
    ),
    # It reads the logs of runs.
    "inspector/store": (
        {CORE, "inspector.store"}
        | {f"inspector.outputs.{name}" for name in ("folder", "json_log", "records")},
        set(),
    ),
    # Pictures are read and outlines painted as in an inspection.
    "inspector/export": (
        {CORE, "engines.picture_header", "inspector.store", "inspector.export"}
        | {"inspector.outputs.files", "inspector.measure.contours"},
        {"cv2", "numpy", "duckdb"},
    ),
    "inspector/web": (
        # Pages have the elements and charts of the reports.
        {CORE, TOP, "inspector.render", "inspector.service.line_state", "inspector.store"}
        | {
            "inspector.service.checks.options",
            "inspector.report",
            "inspector.outputs.jpeg",
            "inspector.triggers",
            "inspector.web",
        },
        {"anyio", "starlette", "uvicorn"},
    ),
    "inspector/teaching": ({CORE, TOP, MODULE_PROCESS, "inspector.teaching"}, set()),
    # Fitting, evaluating, studying and inspecting run their jobs with it.
    "inspector/fleet": ({CORE, MODULE_PROCESS, FLEET}, {"ray"}),
    "inspector/pipeline": ({CORE, "inspector.pipeline"}, {"cv2", "numpy"}),
    "inspector/connections": ({CORE, "inspector.connections"}, {"asyncua", "paho", "pymodbus"}),
    "inspector/machine": (
        {CORE, "inspector.connections", "inspector.machine"},
        {"asyncua", "paho", "prometheus_client", "pymodbus"},
    ),
    "inspector/api": (
        {
            CORE,
            TOP,
            "calibration",
            "inspector",
            *(
                f"inspector.{p}"
                for p in (
                    *("api", "config", "explain", "measure", "outputs", "pipeline", "render"),
                )
            ),
        },
        {"numpy", "cv2"},
    ),
    "inspector/config": (
        {
            *(CORE, TOP, "inspector", "inspector.config", "inspector.service.options"),
            *("inspector.service.checks.options", "inspector.service.retention.options"),
            *(
                f"inspector.{p}"
                for p in (
                    *("sources", "processing", "health", "measure", "outputs", "pipeline"),
                    *("tracking", "parts", "evidence", "explain", "report", "fleet", "store"),
                    *("teaching", "web"),
                    "service",
                )
            ),
        },
        {"yaml"},
    ),
    "inspector/service": (
        # A line runs sessions, and starts what serves it.
        {CORE, "inspector", "inspector.config", "inspector.outputs", "inspector.pipeline"}
        | {"inspector.render", "inspector.sources.opening", "inspector.sources.options"}
        | {"inspector.parts.options", "inspector.store"}
        | {"inspector.service", "inspector.service.selectors"}
        | {"inspector.service.checks", "inspector.service.retention"}
        | {"inspector.teaching", "engines", "inspector.evidence"}
        | {"inspector.machine", "inspector.triggers"}
        # A unit names the script that it runs.
        | {"run_inspector"},
        {"yaml"},
    ),
    "inspector/service/checks": (
        {CORE, "inspector", "inspector.config", "inspector.outputs", "inspector.sources.options"}
        | {"inspector.store", "inspector.service", "inspector.service.checks"},
        set(),
    ),
    "inspector/service/retention": (
        {CORE, "inspector.evidence", "inspector.outputs", "inspector.service.disk_guard"}
        | {"inspector.service.retention"},
        set(),
    ),
    "inspector/service/selectors": (
        {CORE, "inspector.connections", "inspector.store", "inspector.service.selectors"},
        set(),
    ),
    "inspector": (
        {
            CORE,
            TOP,
            BACKENDS,
            "calibration",
            "inspector",
            "inspector.api",
            *(f"inspector.{p}" for p in ("config", "sources", "processing", "health", "measure")),
            *(f"inspector.{p}" for p in ("render", "outputs", "pipeline", "report", "tracking")),
            *("inspector.parts", "inspector.evidence", "inspector.explain", FLEET),
            *("inspector.service", "inspector.web.loading"),
            *("inspector.machine", "inspector.triggers"),
        },
        {"yaml", "tqdm", "numpy"},
    ),
}
"""Folder -> packages of the project and other libraries that it may import.

A package here means the modules directly in it, without the packages below it.
"""

TORCH_ALLOWED = re.compile(r"learning/methods/\w+/training/")
"""Where torch is imported by name. learning/torch_weights.py loads it when a file is read."""

TORCH = {"torch", "torchvision", "timm"}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).glob("*.py"))


def package_of(name: str) -> str:
    """The package of a module of the project; for a package, the package itself."""
    path = ROOT / name.replace(".", "/")
    return name if path.is_dir() else name.rpartition(".")[0]


def test_every_package_has_a_rule() -> None:
    for package in PACKAGES:
        for folder in (ROOT / package).rglob("*"):
            if folder.is_dir() and list(folder.glob("[!_]*.py")):
                assert str(folder.relative_to(ROOT)) in RULES


@pytest.mark.parametrize("folder", RULES)
def test_a_package_imports_only_what_it_may(folder: str) -> None:
    packages, libraries = RULES[folder]
    assert sources(folder)
    for path in sources(folder):
        for name in imports(path):
            top = name.split(".")[0]
            where = f"{path.relative_to(ROOT)} imports {name}"
            if top in PROJECT:
                assert name in packages or package_of(name) in packages, where
            elif top not in sys.stdlib_module_names and top != "loguru" and top not in TORCH:
                assert top in libraries, where


def test_torch_is_imported_only_where_networks_are_trained_or_exported() -> None:
    for package in (*PACKAGES, "tools"):
        for path in (ROOT / package).rglob("*.py"):
            tops = {name.split(".")[0] for name in imports(path)}
            if tops & TORCH:
                assert TORCH_ALLOWED.match(path.relative_to(ROOT).as_posix()), path


def test_packages_never_print() -> None:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                called = node.func.id if _is_named_call(node) else None  # type: ignore[attr-defined]
                assert called != "print", path


def _is_named_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)


def test_only_the_runner_catches_every_exception() -> None:
    for package in (*PACKAGES, "tools"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ExceptHandler):
                    broad = node.type is None or (
                        isinstance(node.type, ast.Name)
                        and node.type.id in ("Exception", "BaseException")
                    )
                    assert not broad or path.name == "runner.py", f"{path}:{node.lineno}"


BLOCKED = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"{name} is blocked in this test", name=name)

sys.meta_path.insert(0, Blocker())
"""


def run_without(blocked: str, code: str) -> "subprocess.CompletedProcess[str]":
    """Runs code in a process that cannot import the named packages."""
    program = f"BLOCKED = {blocked.split()!r}{BLOCKED}{code}"
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=100
    )


def test_fitting_and_inspecting_never_import_torch(tmp_path: Path) -> None:
    code = f"""
import cv2, numpy as np
from pathlib import Path
folder = Path({str(tmp_path)!r})
(folder / "good").mkdir()
for i in range(10):
    picture = np.random.default_rng(i).integers(90, 110, (64, 64, 3)).astype(np.uint8)
    cv2.imwrite(str(folder / "good" / f"{{i}}.png"), picture)
import run_inspector, tools.demo, tools.calibrate, tools.show_engine
from tools.fit import main as fit
engine = str(folder / "e.onnx")
good = str(folder / "good")
assert fit(["--method", "rad", "--normal", good, "--size", "64x64", "--out", engine]) == 0
argv = ["--source", good, "--engine", engine, "--output", str(folder / "out")]
assert run_inspector.main([*argv, "--set", "log.path=null"]) == 0
"""
    done = run_without("torch torchvision timm", code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "command",
    [
        "from tools.fit import main\n"
        "sys.exit(main(['--method', 'rad', '--normal', G, '--out', E]))",
        "import run_inspector; sys.exit(run_inspector.main(['--source', G, '--engine', E, "
        "'--output', O, '--set', 'log.path=null']))",
    ],
)
def test_a_missing_onnxruntime_is_one_sentence(command: str, tmp_path: Path) -> None:
    good = tmp_path / "good"
    good.mkdir()
    for i in range(10):
        picture = np.random.default_rng(i).integers(90, 110, (64, 64, 3)).astype(np.uint8)
        cv2.imwrite(str(good / f"{i}.png"), picture)
    engine = tmp_path / "e.onnx"
    if "run_inspector" in command:
        fit(["--method", "rad", "--normal", str(good), "--size", "64x64", "--out", str(engine)])
    names = f"G, E, O = {str(good)!r}, {str(engine)!r}, {str(tmp_path / 'out')!r}\n"
    done = run_without("onnxruntime", names + command)
    assert done.returncode == 2, done.stderr
    assert "onnxruntime: pip install" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
