"""Uses the installed package from an empty folder, as a user does: `make test-install` runs it.

Not a test for pytest: it runs in the environment that the package was installed into, where there
is no pytest and no clone on the path.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

import inspector

PROGRAM = Path(sys.executable).with_name("line-inspector")
PICTURES = 10


def run(*arguments: str, folder: Path) -> str:
    """Standard output of one command. Raises CalledProcessError where it fails."""
    command = [str(PROGRAM), *arguments]
    return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> int:
    clone = Path(__file__).resolve().parents[2]
    assert Path(inspector.__file__).resolve().parents[1] != clone, "the clone is imported"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "good").mkdir()
        for seed in range(PICTURES):
            noise = np.random.default_rng(seed).integers(90, 110, (96, 128, 3))
            cv2.imwrite(str(folder / "good" / f"{seed}.png"), noise.astype(np.uint8))
        assert "show-engine" in run("--help", folder=folder)
        run("fit", "--method", "rad", "--normal", "good", "--out", "engine.onnx", folder=folder)
        assert "efficientnet_lite0" in run("show-engine", "engine.onnx", folder=folder)
        inspect = ("run", "--source", "good", "--engine", "engine.onnx", "--output", "results")
        run(*inspect, folder=folder)
        summary = json.loads((folder / "results" / "summary.json").read_text(encoding="utf-8"))
        assert summary["captured"] == summary["inspected"] == PICTURES, summary
    return 0


if __name__ == "__main__":
    sys.exit(main())
