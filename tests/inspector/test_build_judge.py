"""What is made ready before the first frame of a run."""

from output_parts import run_info

from engines.spec_file import read_spec
from inspector import build_judge
from inspector.config import Config


def test_scipy_is_loaded_before_the_first_frame_of_live_sources_only(engine_file, monkeypatch):
    loads = []
    monkeypatch.setattr(build_judge, "load_graphs", lambda: loads.append("graphs"))
    spec = read_spec(engine_file)
    for live, expected in ((False, []), (True, ["graphs"])):
        build_judge.make_judge(Config(), spec, None, run_info(), live=live)
        assert loads == expected
