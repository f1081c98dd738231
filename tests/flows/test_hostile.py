"""Tests inputs and conditions that lost results or raised a traceback in earlier versions."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from flow_rig import HW, RESULTS, Inspect, good_picture, write_clip, write_pictures
from source_clips import transport_stream
from stream_servers import HttpServer

from engines.spec_file import read_spec
from inspector.core.errors import FrameError, SpecError
from inspector.core.types import Cause
from inspector.outputs.json_log import read_log
from tools.calibrate import main as calibrate

ROOT = Path(__file__).parents[2]
FAKE = ["--set", "engine.backend=fake", "--set", "verdict.pixel_threshold=9"]


def test_a_run_never_removes_what_it_reads(inspect: Inspect, clip: Path, engine: Path) -> None:
    first = inspect(clip, engine)
    again = inspect(first.out / "annotated.mp4", engine, "--overwrite", "--allow-aspect")
    assert again.code == 2
    assert "this run would replace" in again.stderr
    again = inspect(first.out / "snapshots", engine, "--overwrite")
    assert again.code == 2
    assert sorted(p.name for p in first.out.iterdir()) == RESULTS


def test_two_runs_never_share_a_folder(inspect: Inspect, clip: Path, tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    out = tmp_path / "out"
    out.mkdir()
    other = os.open(out, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    refused = inspect(clip, None, *FAKE)
    os.close(other)
    assert refused.code == 2
    assert "another run is writing" in refused.stderr
    assert inspect(clip, None, *FAKE).code == 0


@pytest.mark.parametrize("closed", ["2>&-", "1>&-", "0<&-", "1>&- 2>&-", "0<&- 1>&- 2>&-"])
def test_closed_streams_lose_no_results(clip: Path, tmp_path: Path, closed: str) -> None:
    out = tmp_path / "out"
    command = f"exec {sys.executable} run_inspector.py --source {clip} --output {out} "
    command += "--set log.path=null --set engine.backend=fake --set verdict.pixel_threshold=9 "
    done = subprocess.run(["sh", "-c", command + closed], cwd=ROOT, timeout=60, check=False)
    assert done.returncode == 0
    assert sorted(p.name for p in out.iterdir()) == RESULTS


def test_a_file_name_that_is_not_utf8_is_logged(inspect: Inspect, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "in", [good_picture(i) for i in range(3)])
    os.rename(folder / "001.png", os.fsencode(folder) + b"/bad\xff.png")
    result = inspect(folder, None, *FAKE)
    assert result.code == 0
    assert len(result.records) == 3


@pytest.mark.parametrize("other", [0, 2])
def test_only_a_first_frame_of_another_size_than_the_calibration_ends_the_run(
    inspect: Inspect, tmp_path: Path, other: int
) -> None:
    pictures = [good_picture(i, (100, 100) if i == other else HW) for i in range(5)]
    folder = write_pictures(tmp_path / "in", pictures)
    cal = tmp_path / "cal.yaml"
    size = ["--frame-size", f"{HW[1]}x{HW[0]}", "--out", str(cal)]
    assert calibrate(["scale", "--mm-per-px", "0.5", *size]) == 0
    result = inspect(folder, None, *FAKE, "--calibration", str(cal))
    if other == 0:
        assert result.code == 5
        return
    assert result.code == 0
    assert [r["cause"] for r in result.records] == [None, None, "size", None, None]
    assert result.records[2]["verdict"] == "ERROR"
    assert "256x192 pixels, but the frames have 100x100" in result.records[2]["error"]
    assert result.summary["errored_by_cause"]["size"] == 1
    assert (result.summary["captured"], result.summary["inspected"]) == (5, 4)


def test_a_live_stream_that_changes_its_size_under_a_calibration_continues(
    inspect: Inspect, tmp_path: Path
) -> None:
    """The source is lost at the end, which has exit code 4. The other size does not change that."""

    class Once(HttpServer):
        def serve(self, peer: socket.socket) -> None:
            super().serve(peer)
            self._listener.close()

    parts = [transport_stream(20, hw=hw) for hw in ((96, 128), (120, 160), (96, 128))]
    cal = tmp_path / "cal.yaml"
    size = ["--frame-size", "128x96", "--out", str(cal)]
    assert calibrate(["scale", "--mm-per-px", "0.5", *size]) == 0
    with Once(b"".join(parts), pause_s=0.02) as server:
        options = ["--calibration", str(cal), "--set", "source.reconnect.give_up_s=0.5"]
        result = inspect(server.url, None, *FAKE, *options)
    assert result.code == 4
    assert result.summary["live"]
    causes = [r["cause"] for r in result.records]
    assert "size" in causes
    assert causes[0] is None
    # The frames after the change back are judged.
    assert None in causes[causes.index("size") :]
    errors = [r["error"] for r in result.records if r["cause"] == "size"]
    assert all("128x96 pixels, but the frames have 160x120" in error for error in errors)
    assert result.summary["errored_by_cause"]["size"] == len(errors)


def test_a_run_without_a_verdict_fails(
    inspect: Inspect, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> FrameError:
        return FrameError("odd", Cause.SIZE)

    monkeypatch.setattr("inspector.pipeline.stages._output", fail)
    result = inspect(clip, None, *FAKE)
    assert result.code == 1
    assert "none of the 30 frames could be judged" in result.stderr
    assert result.summary["errored"] == 30


def test_a_flipped_byte_anywhere_in_an_engine_is_refused(engine: Path, tmp_path: Path) -> None:
    content = engine.read_bytes()
    path = tmp_path / "flipped.onnx"
    rng = np.random.default_rng(3)
    places = [*rng.integers(0, len(content), 25), *range(len(content) - 4000, len(content), 160)]
    for place in places:
        flipped = bytearray(content)
        flipped[place] ^= 0xFF
        path.write_bytes(flipped)
        with pytest.raises(SpecError):
            read_spec(path)


def test_weights_in_another_file_are_refused(engine: Path, tmp_path: Path) -> None:
    model = onnx.load(engine)
    tensor = next(n for n in model.graph.node if n.op_type == "Constant").attribute[0].t
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../secret"
    path = tmp_path / "external.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(SpecError, match="another file"):
        read_spec(path)


@pytest.mark.parametrize(
    "text",
    [
        "engine: 2001-99-99",
        "[" * 3000,
        "a: &a [1]\nengine: {path: [*a, *a]}",
        'engine: {path: "a\\0b"}',
    ],
)
def test_nonsense_in_a_configuration_is_one_sentence(
    inspect: Inspect, clip: Path, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    result = inspect(clip, None, "--config", str(path))
    assert result.code == 2
    assert result.stderr.startswith("error: ")
    assert len(result.stderr) < 400


@pytest.mark.parametrize("hw", [(338, 640), (340, 640), (360, 640), (192, 256)])
def test_colours_of_the_video_are_at_their_places(
    inspect: Inspect, tmp_path: Path, hw: tuple[int, int]
) -> None:
    """PyAV shifts the colour planes of a buffer if its height is not a multiple of 4."""
    import av

    picture = np.full((*hw, 3), 120, np.uint8)
    picture[hw[0] // 2 :] = (0, 0, 220)
    source = write_clip(tmp_path / "c.mp4", [picture] * 6)
    result = inspect(source, None, *FAKE)
    assert result.code == 0
    with av.open(str(result.out / "annotated.mp4")) as container:
        shown = next(container.decode(video=0)).to_ndarray(format="bgr24")[:, : hw[1]]
    red = shown[:, hw[1] // 2, 2].astype(int) - shown[:, hw[1] // 2, 0]
    first_red = int(np.argmax(red > 90))
    assert first_red == pytest.approx(shown.shape[0] - hw[0] // 2, abs=3)
    assert len(read_log(result.out / "inspections.jsonl")[1]) == 6
