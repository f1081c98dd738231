"""Tests that public names can be imported and that imports load no heavy library."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import engines
import inspector
import learning

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "scipy", "onnx", "onnxruntime", "spox", "openvino", "tensorrt", "av", "skimage"}
PACKAGES_OF_NAMES = (inspector, engines, learning)
PUBLIC = [(package.__name__, name) for package in PACKAGES_OF_NAMES for name in package.__all__]
LIGHT = [(package, name) for package, name in PUBLIC if package != "learning"]
"""The types of learning load the libraries that make engines; its functions do when called."""

STATEMENTS = [
    "import inspector",
    "import engines",
    "import learning",
    "from learning import fit, train",
    *(f"from {package} import {name}" for package, name in LIGHT),
]
PACKAGES = ("inspector", "engines", "learning", "calibration", "evaluation", "studies")


@pytest.mark.parametrize("statement", STATEMENTS)
def test_an_import_loads_no_heavy_library(statement: str) -> None:
    program = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & HEAVY
    if statement.startswith("import "):
        assert "numpy" not in loaded


def test_measuring_loads_scipy_only_for_a_crack() -> None:
    code = "import sys, threading, inspector.build_judge as build\n"
    code += "build.MapAnalyzer(None, build.Config().measure)\n"
    code += "[t.join() for t in threading.enumerate() if t is not threading.main_thread()]\n"
    code += "sys.exit('scipy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=False)
    assert done.returncode == 0


def test_every_public_name_is_listed_and_stored_after_its_first_use() -> None:
    for package, name in PUBLIC:
        module = importlib.import_module(package)
        assert name in dir(module)
        assert getattr(module, name) is vars(module)[name]
    with pytest.raises(AttributeError, match="module 'inspector' has no attribute 'nothing'"):
        inspector.nothing  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_are_typed(package: str) -> None:
    folder = Path(importlib.import_module(package).__path__[0])
    assert (folder / "py.typed").is_file()


def test_fitting_never_imports_torch():
    code = "import sys, tools.fit, tools.show_engine; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
