"""The list of cameras."""

import sys

import pytest
from fake_gige import FakeGige, fake_gige

from inspector.sources.genicam import aravis
from tools.cameras import main


def test_without_aravis_the_v4l2_cameras_are_listed_with_a_hint(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "gi", None)
    aravis.load_aravis.cache_clear()
    assert main([]) == 0
    written = capsys.readouterr()
    assert "apt-get install gir1.2-aravis-0.8" in written.err
    assert "/dev/video" in written.out or written.out == "no camera answers\n"


@pytest.mark.services
def test_a_camera_that_answers_is_listed_with_its_source(capsys):
    with fake_gige(FakeGige(serial="GV42")):
        assert main([]) == 0
    assert "genicam:GV42" in capsys.readouterr().out
