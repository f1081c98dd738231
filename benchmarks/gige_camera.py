"""The simulated GigE Vision camera of Aravis as a camera of a benchmark, and its engine."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2

from benchmarks.clips import FOLDER
from benchmarks.desk_cameras import FPS, fit_engine
from inspector.build import open_source
from inspector.core.types import Frame
from inspector.sources.options import SourceOptions

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from fake_gige import FakeGige, fake_gige

NORMALS = 200
_FIT_FPS = 25


@contextlib.contextmanager
def gige_camera() -> Iterator[dict[str, Any]]:
    """Runs the camera. Gives its entry of the list `sources`, without a name."""
    camera = FakeGige()
    with fake_gige(camera):
        source = {"uri": camera.uri, "fps": FPS, "reconnect": {"max_s": 2.0}}
        yield {"source": source, "engine": {"path": str(_engine(camera.uri).absolute())}}


def _engine(uri: str) -> Path:
    """Made from pictures of the camera, if it is missing."""
    path = FOLDER / "rad_gige.onnx"
    if path.exists():
        return path
    normal = FOLDER / "normal_gige"
    normal.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(open_source(SourceOptions(uri=uri, fps=_FIT_FPS))) as source:
        for number in range(NORMALS):
            frame = source.read()
            if not isinstance(frame, Frame):
                raise SystemExit(f"the camera gave no good picture: {frame}")
            cv2.imwrite(str(normal / f"{number:04d}.png"), frame.image)
    fit_engine(normal, path)
    return path
