"""Tests of the command `study`."""

import csv
import re
import sys
from pathlib import Path

import pytest
from plate_dataset import write_class_folder, write_fake_engine

from studies.shift import embeddings
from studies.shift.embeddings import GROUPS
from tools.study import main


def test_one_command_makes_the_whole_report(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(embeddings, "PATCHES", 20)
    data = write_class_folder(tmp_path / "plate", good=3, defective=3)
    argv = ["shift", "--data", str(data), "--out", str(tmp_path / "out"), "--methods", "padim"]
    argv += ["--transforms", "brightness", "--quick", "--threads", "1", "--embeddings"]
    assert main(argv) == 0
    printed = capsys.readouterr().out
    assert "The study has 4 cells: padim on plate, clean and with 1 shift." in printed
    for name in ("report.html", "analysis.json", "run.json", "tables/overview.csv"):
        assert (tmp_path / "out" / name).is_file()
    sheets = (tmp_path / "out" / "sheets.html").read_text(encoding="utf-8")
    # Each of up to four pictures has five panels: clean and shifted with their maps, and adapted.
    assert sheets.count("<img") == 5 * sheets.count("<h4")
    assert 1 <= sheets.count("<h4") <= 4
    assert "clean: " in sheets
    assert "heatmap, adapted" in sheets
    places = (tmp_path / "out" / "tables" / "embeddings.csv").read_bytes()
    groups = {row["group"] for row in csv.DictReader(places.decode().splitlines())}
    assert groups == set(GROUPS)
    features = (tmp_path / "out" / "embeddings.html").read_text(encoding="utf-8")
    # A good and a defective picture, clean and shifted: the picture and two layers of each.
    assert features.count("<img") == 12
    assert "of the 10 nearest patches are of the same group" in printed
    page = (tmp_path / "out" / "report.html").read_bytes()
    assert main(argv) == 0
    assert (tmp_path / "out" / "tables" / "embeddings.csv").read_bytes() == places
    again = (tmp_path / "out" / "report.html").read_bytes()
    charts = [re.findall(rb"<svg.*?</svg>", each, re.DOTALL) for each in (page, again)]
    assert charts[0]
    assert charts[0] == charts[1]
    assert again.split(b"What the words mean")[1] == page.split(b"What the words mean")[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--classes", "nut"], "class nut is not in --data; it has plate"),
        (["--methods", "glas"], "method 'glas' is unknown; known: rad, patchcore"),
        (["--methods", "glass"], "method glass is trained, not fitted"),
        (["--methods", "padim:coreset=1"], "method padim has no option coreset"),
        (["--methods", "patchcore:coreset"], "'coreset' must be option=value"),
        (["--methods", "patchcore:coreset=x"], "x"),
        (["--severities", "hard"], "severity 'hard' is unknown; known: mild"),
        (["--transforms", "fog,"], "must be names with commas between them"),
    ],
)
def test_wrong_options_are_refused_in_a_sentence(
    tmp_path: Path, capsys, options: list[str], message: str
) -> None:
    data = write_class_folder(tmp_path / "plate")
    argv = ["shift", "--data", str(data), "--out", str(tmp_path / "out"), *options]
    try:
        code = main(argv)
    except SystemExit as exc:
        code = exc.code
    assert code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_embeddings_need_scikit_learn_before_any_work(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    data = write_class_folder(tmp_path / "plate")
    argv = ["shift", "--data", str(data), "--out", str(tmp_path / "out"), "--embeddings"]
    assert main(argv) == 2
    assert "pip install '.[study]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_ablations_add_variants_of_patchcore(tmp_path: Path, monkeypatch) -> None:
    studied = []

    class Stop(Exception):
        pass

    def stop(classes, out, options):
        studied.append(options.methods)
        raise Stop

    monkeypatch.setattr("tools.study.Study", stop)
    data = write_class_folder(tmp_path / "plate")
    argv = ["shift", "--data", str(data), "--out", str(tmp_path / "out"), "--ablations"]
    with pytest.raises(Stop):
        main([*argv, "--methods", "rad,patchcore"])
    (methods,) = studied
    assert methods[:2] == ("rad", "patchcore")
    assert len(methods) == len(set(methods)) == 14


def test_results_are_not_written_into_the_data(tmp_path: Path, capsys) -> None:
    data = write_class_folder(tmp_path / "plate")
    assert main(["shift", "--data", str(data), "--out", str(data / "out")]) == 2
    assert "choose another" in capsys.readouterr().err


def test_robustness_prints_a_table_and_writes_files(tmp_path: Path, capsys) -> None:
    data = write_class_folder(tmp_path / "plate", good=6, defective=2)
    engine = write_fake_engine(tmp_path / "plate.onnx")
    argv = ["robustness", str(engine), "--data", str(data), "--backend", "fake"]
    assert main([*argv, "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "breaks at" in printed
    assert "The first shift that breaks this engine is" in printed
    for name in ("robustness.json", "robustness.csv"):
        assert (tmp_path / "out" / name).is_file()
    with pytest.raises(SystemExit):
        main([*argv, "--false-alarms", "2"])
    assert main([*argv, "--engine-out", str(engine)]) == 2
    assert "--engine-out" in capsys.readouterr().err
    assert main(["robustness", str(tmp_path), "--data", str(data), "--class", "nut"]) == 2
    assert "class nut is not in --data" in capsys.readouterr().err
