"""The statistics, the table and the page of the atlas, with few examples."""

import json
from pathlib import Path

import pytest
from scipy.stats import binom

from benchmarks.atlas import trial
from benchmarks.atlas.__main__ import main
from benchmarks.atlas.cells import CONTRASTS, Cell, list_cells, list_quick_cells
from benchmarks.atlas.kinds import KINDS
from benchmarks.atlas.page import compare, format_page
from benchmarks.atlas.statistics import holm, p_below
from benchmarks.atlas.table import count_low, summarise
from benchmarks.atlas.trial import CellResult, Example, Sample


def result(cell: Cell, ratios: list[float], u: float = 0.1, *, refined: bool = True) -> CellResult:
    examples = [
        Example(1, True, (Sample((10.0, 5.0, 2.0), (10 * r, 5 * r, 2 * r), (u,) * 3, refined),))
        for r in ratios
    ]
    return CellResult(cell, tuple(examples), 0, 100.0)


def table_of(results: list[CellResult]) -> dict:
    return {"command": "x", "seed": 1, "map": "rendered", **summarise(results)}


def test_the_exact_test_is_the_lower_tail() -> None:
    assert p_below(34, 40) == pytest.approx(binom.cdf(34, 40, 0.95))
    assert p_below(40, 40) == pytest.approx(1)
    assert p_below(0, 0) == 1


def test_holm_stops_at_the_first_p_value_that_is_too_large() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == [True, False, False, True]
    assert holm([0.04, 0.02]) == [True, True]
    assert holm([0.06]) == [False]
    assert holm([]) == []


def test_a_cell_has_ratios_and_coverage() -> None:
    ratios = [1.0] * 30 + [1.3] * 10
    (row,) = summarise([result(Cell("compact", "small", 0.25), ratios)])["cells"]
    assert (row["examples"], row["found"], row["refined"]) == (40, 40, 40)
    assert row["area"]["median"] == 1
    assert row["area"]["coverage"] == 0.75
    assert row["area"]["expanded_u"] == pytest.approx(0.02)
    assert row["area"]["rms"] == pytest.approx(0.15)
    assert row["area"]["low_coverage"]
    assert row["cpu_ms_per_refined"] == 2.5


def test_rows_of_the_map_are_not_in_the_figures_of_refined_rows() -> None:
    rows = summarise([result(Cell("compact", "small", 0.25), [4.0, 0.5], refined=False)])
    (row,) = rows["cells"]
    assert (row["found"], row["refined"], row["map_samples"]) == (2, 0, 2)
    assert row["map_at_least_true"] == 0.5
    assert "median" not in row["area"]
    assert count_low(rows["cells"]) == 0


def test_factors_are_not_pooled_into_kinds() -> None:
    plain = result(Cell("compact", "medium", 0.25), [1.0] * 5)
    blurred = result(Cell("compact", "medium", 0.25, blur_px=5.0), [2.0] * 5)
    kinds = {row["name"]: row for row in summarise([plain, blurred])["kinds"]}
    assert kinds["compact"]["examples"] == 5
    assert kinds["all"]["area"]["median"] == 1


def test_all_cells_have_different_names_and_the_stated_contrasts() -> None:
    cells = list_cells()
    names = [cell.name for cell in cells]
    assert len(set(names)) == len(names)
    main_cells = [cell for cell in cells if not cell.factor]
    assert len(main_cells) == len(KINDS) * 3 * len(CONTRASTS)
    assert {name.name for name in list_quick_cells()} <= set(names)


def test_a_comparison_names_what_gained_and_what_was_lost() -> None:
    cell = Cell("soft", "large", 0.12)
    old, new = table_of([result(cell, [1.2] * 40)]), table_of([result(cell, [1.0] * 40)])
    assert "gained  soft/large/12%: area median 1.200 -> 1.000" in compare(old, new)
    assert "LOST    soft/large/12%: area coverage 1.000 -> 0.000" in compare(new, old)
    assert compare(old, old) == []
    with pytest.raises(ValueError, match="different seed: 1 and 2"):
        compare(old, new | {"seed": 2})


def test_the_page_has_the_command_and_a_line_for_each_cell() -> None:
    cells = [Cell("soft", "large", 0.12), Cell("square", "medium", 0.25, tilt_deg=30.0)]
    page = format_page(table_of([result(cell, [1.0] * 40) for cell in cells]))
    assert "`x` (seed 1)" in page
    assert "| soft/large/12% | 40 | 40 | 40 | 40 | 1.00 (1.00 to 1.00) | 100 % |" in page
    assert "## Other factors" in page
    assert "square/medium/25%/tilt 30 deg" in page


@pytest.fixture
def two_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "FRAMES", 2)


@pytest.mark.usefixtures("two_frames")
def test_a_small_atlas(tmp_path: Path) -> None:
    figures, page = tmp_path / "atlas.json", tmp_path / "atlas.md"
    files = ["--json", str(figures), "--out", str(page)]
    assert main(["--cells", "compact/large/50%", "two/medium/50%", *files]) == 0
    table = json.loads(figures.read_text())
    compact, _two = table["cells"]
    assert (compact["examples"], compact["found"], compact["refined"]) == (10, 10, 10)
    assert compact["area"]["median"] == pytest.approx(1, abs=0.03)
    assert compact["false_alarms"] == 0
    assert [row["name"] for row in table["kinds"]] == ["compact", "two", "all"]
    assert table["command"] == "python -m benchmarks.atlas --cells compact/large/50% two/medium/50%"
    assert "two/medium/50%" in page.read_text()
    assert main(["--cells", "compact/large/50%", "--compare", str(figures)]) == 0


def test_the_same_arguments_give_the_same_frame() -> None:
    cell = Cell("crack", "medium", 0.25, compression="jpeg 70")
    first, second = (trial.render_scene(cell, 3, seed=5) for _ in range(2))
    assert (first.image == second.image).all()
    assert (first.anomaly_map == second.anomaly_map).all()
    assert (trial.render_scene(cell, 3, seed=6).image != first.image).any()


def test_an_unknown_cell_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--cells", "dent/*"]) == 2
    assert "no cell is named dent/*" in capsys.readouterr().err
