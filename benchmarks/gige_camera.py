"""The simulated GigE Vision camera of Aravis as a camera of a benchmark, and its engine."""

import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2

from benchmarks.clips import FOLDER
from benchmarks.desk_cameras import FPS, fit_engine
from inspector.build import open_source
from inspector.core.errors import ConfigError
from inspector.core.schema import build
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
        # On a busy machine the camera may not answer at once.
        reconnect = {"max_s": 2.0, "wait_for_source": True}
        source = {"uri": camera.uri, "fps": FPS, "reconnect": reconnect}
        yield {"source": source, "engine": {"path": str(_engine(source).absolute())}}


def _engine(source_values: Mapping[str, Any]) -> Path:
    """Made from pictures of the camera, if it is missing. source_values: the section `source`."""
    path = FOLDER / "rad_gige.onnx"
    if path.exists():
        return path
    normal = FOLDER / "normal_gige"
    normal.mkdir(parents=True, exist_ok=True)
    options = build(SourceOptions, {**source_values, "fps": _FIT_FPS}, ConfigError)
    with contextlib.closing(open_source(options)) as source:
        for number in range(NORMALS):
            frame = source.read()
            if not isinstance(frame, Frame):
                raise SystemExit(f"the camera gave no good picture: {frame}")
            cv2.imwrite(str(normal / f"{number:04d}.png"), frame.image)
    fit_engine(normal, path)
    return path
