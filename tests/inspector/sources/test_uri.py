"""The kind of a source from its name."""

from pathlib import Path

import pytest

from inspector.sources.uri import kind_of, strip_file_scheme


@pytest.mark.parametrize(
    ("uri", "kind"),
    [
        ("0", "camera"),
        ("12", "camera"),
        ("/dev/video3", "camera"),
        ("genicam:", "genicam"),
        ("GenICam:Fake_1", "genicam"),
        ("genicam:192.168.1.5", "genicam"),
        ("rtsp://cam/stream", "network"),
        ("RTSPS://cam/stream", "network"),
        ("http://cam/a.jpg", "network"),
        ("https://cam", "network"),
        ("udp://239.0.0.1:1234", "network"),
        ("synthetic", "synthetic"),
        ("photo.JPG", "image_folder"),
        ("good/*.png", "image_folder"),
        ("good/**/a?.png", "image_folder"),
        ("clip.mp4", "video_file"),
        ("no such thing", "video_file"),
        ("file:///data/clip.mp4", "video_file"),
        ("FILE:///data/good/*.png", "image_folder"),
    ],
)
def test_the_kind_follows_from_the_name(uri, kind):
    assert kind_of(uri) == kind


def test_a_folder_is_a_picture_folder_and_a_file_with_brackets_a_video(tmp_path: Path):
    clip = tmp_path / "clip [1].mp4"
    clip.write_bytes(b"x")
    assert kind_of(str(tmp_path)) == "image_folder"
    assert kind_of(str(clip)) == "video_file"


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///data/a%20b.mp4", "/data/a b.mp4"),
        ("file://localhost/data/a.mp4", "/data/a.mp4"),
        ("/data/a%20b.mp4", "/data/a%20b.mp4"),
        ("http://cam/a%20b", "http://cam/a%20b"),
    ],
)
def test_a_file_url_is_a_path(uri, path):
    assert strip_file_scheme(uri) == path
