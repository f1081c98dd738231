"""Tests the page that says how the settings of an engine were chosen."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from evaluation.report.selection_page import write_selection_page
from learning.normals import Normals, from_stream
from learning.selection.candidates import CANDIDATES
from learning.selection.choosing import Choice, TrialOptions, choose_method
from learning.thresholds.rules import robust
from tools.fit import main as fit
from tools.show_engine import main as show_engine


def ignore(step: str, done: int, total: int) -> None:
    """Shows no progress."""


@pytest.fixture(scope="module")
def normals() -> Normals:
    rng = np.random.default_rng(0)
    frames = [rng.integers(90, 130, (96, 96, 3)).astype(np.uint8) for _ in range(10)]
    return from_stream("plates", frames, input_hw=(96, 96))


@pytest.fixture(scope="module")
def choice(normals) -> Choice:
    """Only the first candidate is tried."""
    return choose_method(normals, None, TrialOptions(budget_s=0.0), ignore)


@pytest.fixture(scope="module")
def page(choice, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("page") / "a.selection.html"
    write_selection_page(path, "plate <1>", choice)
    return path.read_text(encoding="utf-8")


def test_the_first_sentence_says_what_was_chosen_and_why(page, choice):
    first = re.search(r"<p[^>]*>(.*?)</p>", page)
    assert first is not None
    assert first.group(1).replace("&#39;", "'") == f"Chosen: {choice.selection.reason}."


def test_every_candidate_is_listed_by_its_figure_and_skipped_ones_say_why(page, choice):
    body = page[page.index("<tbody>") : page.index("</tbody>")]
    rows = body.split("<tr>")[1:]
    assert len(rows) == len(choice.selection.candidates)
    figures = [float(text) for text in re.findall(r"<td>([\d.]+) %</td>", body)]
    assert figures == sorted(figures, reverse=True)
    assert sum("not tried: " in row for row in rows) == len(CANDIDATES) - 1
    assert [row.count("the default") for row in rows].count(1) == 1
    assert sum("used in the engine" in row for row in rows) == 1


def test_each_kind_counts_the_defects_above_the_threshold_of_the_trial(page, choice):
    limit = robust(choice.trial.normal)
    kinds = np.array([plan.kind for plan in choice.pictures.plans])
    for kind in np.unique(kinds):
        scores = choice.trial.defect[kinds == kind]
        assert f"{kind}: {np.count_nonzero(scores > limit)} of {len(scores)} defects found" in page


def test_the_page_holds_its_pictures_and_loads_nothing(page):
    sources = re.findall(r'src="([^"]{30})', page)
    assert len(sources) > 20
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert "http" not in page
    assert "plate &#60;1&#62;" in page


def test_the_page_names_the_good_picture_with_the_highest_score(page, choice, normals):
    highest = normals.names[int(np.argmax(choice.trial.normal))]
    shown = page[page.index("Good pictures with the highest scores") :]
    assert shown.index(highest) == min(
        shown.index(name) for name in normals.names if f"{name}," in shown
    )


@pytest.fixture
def good(tmp_path) -> Path:
    folder = tmp_path / "good"
    folder.mkdir()
    for index in range(10):
        pixels = np.random.default_rng(index).integers(90, 110, (64, 64, 3)).astype(np.uint8)
        cv2.imwrite(str(folder / f"{index}.png"), pixels)
    return folder


def test_fit_writes_the_page_beside_the_engine_and_names_it(good, tmp_path, capsys):
    engine = tmp_path / "e.onnx"
    assert fit(["--normal", str(good), "--out", str(engine), "--budget", "0"]) == 0
    page = tmp_path / "e.selection.html"
    assert page.is_file()
    assert f"{page} shows what was tried" in capsys.readouterr().out
    assert show_engine([str(engine)]) == 0
    assert "settings tried" in capsys.readouterr().out


def test_fit_writes_no_page_with_no_sheet_or_for_a_named_method(good, tmp_path):
    automatic, named = tmp_path / "a.onnx", tmp_path / "b.onnx"
    arguments = ["--normal", str(good), "--size", "64x64"]
    assert fit([*arguments, "--out", str(automatic), "--budget", "0", "--no-sheet"]) == 0
    assert fit([*arguments, "--out", str(named), "--method", "rad"]) == 0
    assert not list(tmp_path.glob("*.html"))
