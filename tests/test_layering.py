"""Who may import whom, and that nothing on the way to a first result needs torch."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = ("inspector", "engines", "calibration", "tools", "run_inspector", "benchmarks")

RULES: dict[str, tuple[set[str], set[str]]] = {
    "inspector/core": ({"inspector.core"}, {"numpy"}),
    "calibration": ({"inspector.core", "calibration"}, {"numpy", "cv2", "yaml"}),
    "engines": (
        {"inspector.core", "engines"},
        {"numpy", "cv2", "yaml", "onnx", "google", "onnxruntime"},
    ),
    "engines/graph": (
        {"inspector.core", "engines", "engines.graph"},
        {"numpy", "onnx", "spox", "google"},
    ),
    "engines/backbones": (
        {"inspector.core", "engines", "engines.backbones"},
        {"numpy", "onnx", "onnxruntime", "google"},
    ),
    "engines/methods": (
        {"inspector.core", "engines", "engines.graph", "engines.backbones", "engines.methods"},
        {"numpy", "scipy", "spox"},
    ),
    "inspector/sources": ({"inspector.core", "inspector.sources"}, {"av", "cv2", "numpy"}),
    "inspector/processing": (
        {"inspector.core", "engines.spec", "engines.resize", "inspector.processing"},
        {"cv2", "numpy"},
    ),
    "inspector/measure": (
        {"inspector.core", "calibration", "inspector.measure"},
        {"numpy", "contourpy", "cv2", "scipy"},
    ),
    "inspector/render": (
        {"inspector.core", "calibration.units", "inspector.render"},
        {"cv2", "numpy"},
    ),
    "inspector/sinks": (
        {"inspector.core", "inspector.render", "calibration.units", "inspector.sinks"},
        {"av", "cv2", "numpy", "pygame"},
    ),
    "inspector/pipeline": ({"inspector.core", "inspector.pipeline"}, {"numpy"}),
}
"""Folder -> what it may import from the project, and from outside the standard library."""

TORCH_ALLOWED = (
    "engines/export/backbone_export.py",
    "engines/export/checkpoint.py",
    "engines/export/efficientnet_lite.py",
    "engines/export/feature_graph.py",
    "engines/export/vit.py",
)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).glob("*.py"))


@pytest.mark.parametrize("folder", RULES)
def test_a_package_imports_only_what_it_may(folder: str) -> None:
    own, outside = RULES[folder]
    assert sources(folder)
    for path in sources(folder):
        for name in imports(path):
            top = name.split(".")[0]
            where = f"{path.relative_to(ROOT)} imports {name}"
            if top in PROJECT:
                package = name if name in own else ".".join(name.split(".")[:2])
                assert package in own or top in own, where
                if folder == "engines" and top == "engines":
                    assert not (ROOT / name.replace(".", "/")).is_dir(), where
            elif top not in sys.stdlib_module_names and top != "loguru":
                assert top in outside, where


def test_torch_is_imported_only_where_networks_are_trained_or_exported() -> None:
    for package in ("inspector", "engines", "calibration", "tools"):
        for path in (ROOT / package).rglob("*.py"):
            tops = {name.split(".")[0] for name in imports(path)}
            if tops & {"torch", "torchvision", "timm"}:
                assert str(path.relative_to(ROOT)) in TORCH_ALLOWED


def test_packages_never_print() -> None:
    for package in ("inspector", "engines", "calibration"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                called = node.func.id if _is_named_call(node) else None  # type: ignore[attr-defined]
                assert called != "print", path


def _is_named_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)


def test_only_the_runner_catches_every_exception() -> None:
    for package in ("inspector", "engines", "calibration", "tools"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ExceptHandler):
                    broad = node.type is None or (
                        isinstance(node.type, ast.Name)
                        and node.type.id in ("Exception", "BaseException")
                    )
                    assert not broad or path.name == "runner.py", f"{path}:{node.lineno}"


@pytest.mark.parametrize(
    "module", ["run_inspector", "tools.fit", "tools.demo", "tools.calibrate", "tools.show_engine"]
)
def test_the_way_to_a_first_result_never_imports_torch(module: str) -> None:
    code = (
        f"import sys, {module}\n"
        "from engines.methods.base import METHODS\n"
        "bad = {'torch', 'torchvision', 'timm'} & set(sys.modules)\n"
        "sys.exit(f'imported {bad}' if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
