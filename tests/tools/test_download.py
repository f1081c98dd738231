"""Tests of the command `download`, and of --download, with a server on loopback."""

import hashlib
from pathlib import Path

import pytest
from public_archives import mvtec_archive
from web_server import Page, WebServer

from tools.download import main
from tools.study import main as study


def test_the_licence_is_printed_and_a_class_is_there(tmp_path: Path, capsys) -> None:
    content = mvtec_archive(tmp_path / "source", "bottle")
    argv = ["mvtec-ad", "--classes", "bottle", "--out", str(tmp_path / "data")]
    with WebServer({"/x.tar.xz": Page(content, ranges=True)}) as server:
        argv += ["--url", server.url("/x.tar.xz")]
        assert main([*argv, "--sha256", "00"]) == 2
        printed = capsys.readouterr()
        assert "MVTec AD: licence CC BY-NC-SA 4.0 (no commercial use" in printed.out
        assert hashlib.sha256(content).hexdigest() in printed.err
        assert main(argv) == 0
    assert "downloaded bottle" in capsys.readouterr().out
    assert main(argv) == 0
    assert "no class is missing" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["coco", "--out", "x"], "invalid choice: 'coco'"),
        (["visa", "--out", "x", "--classes", "nut"], "class nut is not in VisA; it has candle"),
        (["visa", "--out", "x", "--url", "ftp://x/y"], "must begin with http:// or https://"),
    ],
)
def test_wrong_requests_are_refused(
    tmp_path: Path, monkeypatch, capsys, argv: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        code = main(argv)
    except SystemExit as exc:
        code = exc.code
    assert code == 2
    assert message in capsys.readouterr().err


def test_a_study_downloads_what_its_data_lacks(tmp_path: Path, capsys) -> None:
    """Nothing is missing here, so it needs no network."""
    mvtec_archive(tmp_path / "data", "bottle")
    argv = ["shift", "--data", str(tmp_path / "data"), "--download", "mvtec-ad", "--classes"]
    assert study([*argv, "bottle", "--out", str(tmp_path / "data" / "out")]) == 2
    printed = capsys.readouterr()
    assert "no class is missing" in printed.out
    assert "choose another" in printed.err
