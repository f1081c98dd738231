"""The benchmark of refitting, on a small rendered set."""

import cv2
from engine_parts import part

from benchmarks.refit import main


def test_it_compares_each_refit_with_a_fit_of_all(tmp_path, capsys):
    for kind, seeds in (
        ("train/good", range(8)),
        ("test/good", range(20, 23)),
        ("test/bad", (30,)),
    ):
        folder = tmp_path / "part" / kind
        folder.mkdir(parents=True)
        for seed in seeds:
            pixels = cv2.cvtColor(part(seed, spot=kind == "test/bad"), cv2.COLOR_RGB2BGR)
            assert cv2.imwrite(str(folder / f"{seed}.png"), pixels)
    argv = ["--data", str(tmp_path), "--sets", "part", "--first", "5", "--most", "7"]
    assert main(argv) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "part: 5 to 7 good pictures"
    assert "AUROC 1.0000" in lines[2]
    assert "1 of 1 defective test pictures fail" in lines[3]
    assert lines[5] == "  equal to a fit of all: graph True, scores True, thresholds True"
    assert lines[6] == "  byte-identical after 2 undos: True"
