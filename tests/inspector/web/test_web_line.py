"""Tests the web view of a real line: what it shows and changes there."""

import http.client
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from line_rig import LineRig, write_line
from waiting import wait_for

pytest.importorskip("uvicorn", reason="needs the extra web")

import run_inspector
from inspector.store.audit import find_changes
from inspector.web.loading import start_web_view
from inspector.web.options import WebViewOptions
from inspector.web.view import WebView


class Client:
    """A program that uses the interface of a web view without a login."""

    def __init__(self, view: WebView) -> None:
        self._port = view.port

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        with closing(connection):
            if body is None:
                connection.request("GET", path)
            else:
                key = self.ask("/api/session")["form_key"]
                headers = {"content-type": "application/json", "x-form-key": key}
                connection.request("POST", path, json.dumps(body), headers)
            return json.loads(connection.getresponse().read())

    def change(self, kind: str, **arguments: Any) -> Any:
        body = {"kind": kind, "arguments": arguments, "who": "anna", "why": "a test"}
        return self.ask("/api/requests", body)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[LineRig]:
    rig = LineRig(write_line(tmp_path, store={"enabled": True}))
    with rig:
        yield rig


@pytest.fixture
def client(rig: LineRig) -> Iterator[Client]:
    view = start_web_view(WebViewOptions(port=0, rate_hz=30), rig.line.store.store, rig.line)
    yield Client(view)
    view.stop()


def test_the_view_shows_and_changes_a_line(rig: LineRig, client: Client) -> None:
    rig.wait_for_frames()
    state = client.ask("/api/state")
    assert state["state"] == "running"
    (source,) = state["sources"]
    assert source["captured"] >= source["inspected"] + source["dropped"] + source["errored"]
    answer = client.change("thresholds", source=rig.source, image_threshold=8.5)
    assert answer["done"], answer
    assert client.ask("/api/state")["sources"][0]["image_threshold"] == 8.5
    answer = client.change("recipe", name="missing")
    assert (answer["done"], answer["state"]) == (False, "refused")
    assert client.change("stop")["done"]
    wait_for(lambda: client.ask("/api/state")["state"] == "stopped")
    assert client.change("start")["done"]
    changes = find_changes(rig.line.store.store)
    assert any(entry.who == "anna" and entry.new == 8.5 for entry in changes)


def test_frames_of_a_line_are_in_the_history_soon(rig: LineRig, client: Client) -> None:
    rig.wait_for_frames()
    wait_for(lambda: client.ask("/api/inspections?kind=production")["inspections"])
    row = client.ask("/api/inspections")["inspections"][0]
    path = f"/api/inspections/{row['run_id']}/{row['source']}/{row['frame_id']}"
    assert client.ask(path)["verdict"] == row["verdict"]


def test_a_line_gives_live_pictures_only_while_somebody_watches(
    rig: LineRig, client: Client
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", client._port, timeout=30)
    monitor = rig.line._monitors[rig.source]
    with closing(connection):
        connection.request("GET", f"/live/{rig.source}")
        answer = connection.getresponse()
        data = b""
        while data.count(b"\xff\xd9\r\n--picture") < 3:
            data += answer.read1()
        assert monitor.latest() is not None
        answer.close()
    wait_for(lambda: monitor.latest() is None)


def run_app(folder: Path, *settings: str, **sections: Any) -> int:
    config = write_line(folder, **sections)
    more = [word for setting in settings for word in ("--set", setting)]
    return run_inspector.main(["--config", str(config), *more])


def test_the_program_starts_and_ends_the_view(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    synthetic = {"uri": "synthetic", "frame_size": "64x48", "synthetic": {"frames": 3}}
    assert run_app(tmp_path, "web.port=0", source=synthetic, service={}) == 0
    assert "web view: http://127.0.0.1:" in capsys.readouterr().err


def test_a_view_without_a_login_for_other_machines_stops_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_app(tmp_path, "web.port=0", "web.host=0.0.0.0") == 2
    assert "set web.token, or web.user and web.password" in capsys.readouterr().err
    assert list(tmp_path.glob("runs/*/*.jsonl")) == []


def test_missing_libraries_are_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "inspector.web.view")
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert run_app(tmp_path, "web.port=0") == 2
    assert "web.port needs uvicorn: pip install '.[web]'" in capsys.readouterr().err
