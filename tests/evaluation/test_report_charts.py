"""Charts: positions, ticks, and descriptions for readers who cannot see them."""

import re

import pytest
from sample_results import Page, make_result

from evaluation.report import result_charts
from evaluation.results import Histogram
from inspector.report.charts import (
    WIDTH,
    AxisScale,
    Bar,
    Chart,
    Layer,
    Mark,
    bars,
    curve,
    histograms,
    round_step,
)
from inspector.report.markup import wrap_label

CHART = Chart("Title <1>", "Told & said", "x label", "y label")
LINE = Mark(0.5, 0, "threshold 0.5")


@pytest.mark.parametrize(
    ("low", "high", "names"),
    [
        (0.0, 1.0, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (0.0, 0.3, ["0.0", "0.1", "0.2", "0.3"]),
        (-3.0, 7.0, ["-2", "0", "2", "4", "6"]),
        (0.0123, 0.0187, ["0.014", "0.016", "0.018"]),
        (0.0, 2.5e7, ["0", "5e+06", "1e+07", "1.5e+07", "2e+07", "2.5e+07"]),
    ],
)
def test_ticks_are_round_values_within_the_scale(low: float, high: float, names: list[str]) -> None:
    ticks = AxisScale(low, high, 0, 100).ticks()
    assert [name for _, name in ticks] == names
    assert all(0 <= AxisScale(low, high, 0, 100).at(value) <= 100 for value, _ in ticks)


def test_a_step_is_one_two_or_five_times_a_power_of_ten() -> None:
    assert [round_step(v) for v in (0.9, 1.0, 1.1, 2.1, 5.1, 0.03)] == [1, 1, 2, 5, 10, 0.05]


def test_a_scale_of_one_value_has_room_on_both_sides() -> None:
    assert AxisScale.around([3.0, 3.0], 0, 10).at(3.0) == 5
    assert AxisScale.around([0.0], 0, 10).at(0.0) == 5


def test_a_chart_has_its_title_and_content_in_words() -> None:
    page = Page(curve(CHART, ((0, 0), (1, 1))))
    assert "Title <1>" in page.text
    assert "Told & said" in page.text
    assert page.every("svg")[0]["role"] == "img"
    for label in ("x label", "y label"):
        assert label in page.text


def test_a_curve_begins_lower_left_and_ends_upper_right() -> None:
    lines = Page(curve(CHART, ((0, 0), (0.5, 0.9), (1, 1)))).every("polyline")
    points = [tuple(map(float, p.split(","))) for p in str(lines[-1]["points"]).split()]
    assert points[0][0] < points[1][0] < points[2][0]
    assert points[0][1] > points[1][1] > points[2][1]


@pytest.mark.parametrize("x", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("y", [0.0, 0.6, 1.0])
def test_the_name_of_a_point_stays_within_the_chart(x: float, y: float) -> None:
    page = Page(curve(CHART, ((0, 0), (1, 1)), mark=Mark(x, y, "threshold 0.1234")))
    (mark,) = [t for t in page.every("text") if str(t["class"]).startswith("mark")]
    width, at = 8 * len("threshold 0.1234"), float(mark["x"] or 0)
    left = at - width if "end" in str(mark["class"]) else at
    assert 0 <= left <= left + width <= WIDTH
    assert 10 <= float(mark["y"] or 0) <= 290


def test_columns_of_a_histogram_are_as_tall_as_their_counts() -> None:
    layer = Layer("good", (0.0, 0.4, 0.8, 1.2), (4, 0, 2), "good")
    columns = Page(histograms(CHART, (layer,), LINE)).every("rect")
    heights = [float(column["height"] or 0) for column in columns]
    assert len(columns) == 2
    assert heights[0] == pytest.approx(2 * heights[1], abs=0.1)


def test_one_pixel_among_a_million_can_be_seen() -> None:
    layer = Layer("pixels", (0.0, 0.4, 0.8), (1_000_000, 1), "good")
    heights = [
        float(c["height"] or 0) for c in Page(histograms(CHART, (layer,), LINE)).every("rect")
    ]
    assert heights[1] > 8
    assert "10k" in Page(histograms(CHART, (layer,), LINE)).text


def test_both_kinds_have_the_same_type_of_axis() -> None:
    many = Layer("good", (0.0, 0.4, 0.8), (1_000_000, 1), "good")
    few = Layer("defective", (0.0, 0.4, 0.8), (0, 10), "defective")
    page = Page(histograms(CHART, (many, few), LINE))
    assert page.text.count("y label (log)") == 2
    item, ten = (float(column["height"] or 0) for column in page.every("rect")[1:])
    assert item > 8
    assert ten > 60


def test_a_threshold_beyond_all_scores_is_still_in_the_chart() -> None:
    layer = Layer("good", (0.0, 0.1), (4,), "good")
    page = Page(histograms(CHART, (layer,), Mark(7.0, 0, "threshold 7")))
    places = {item["x1"] for item in page.every("line") if item["class"] == "threshold"}
    assert [0 < float(x or 0) < WIDTH for x in places] == [True]
    assert "threshold 7" in page.text


def test_empty_histograms_are_drawn_without_columns() -> None:
    layer = Layer("defective: 0", (0.0, 1.0), (0,), "defective")
    assert not Page(histograms(CHART, (layer,), LINE)).every("rect")


def test_a_bar_has_its_interval_and_an_undefined_one_says_so() -> None:
    rows = (
        Bar("small", 0.75, (0.5, 0.9), "3 of 4, 75.0 %"),
        Bar("a name that is longer than the bars are wide, and that is " * 2, None),
    )
    page = Page(bars(CHART, rows))
    assert "3 of 4, 75.0 %" in page.text
    assert "undefined" in page.text
    assert len([item for item in page.every("line") if item["class"] == "whisker"]) == 3


def test_histograms_show_the_counts_of_the_result() -> None:
    counts = Histogram((0.0, 0.5, 1.0, 1.5), (11, 0, 1), (0, 2, 7))
    mask_path = result_charts.score_histogram(make_result(score_histogram=counts))
    computed = [int(n) for n in re.findall(r"<title>(\d+) from", mask_path)]
    assert computed == [11, 1, 2, 7]


def test_each_curve_is_named_after_the_area_under_it() -> None:
    mask_path = " ".join(result_charts.curves(make_result()))
    for title in ("Image AUROC 0.9877", "Image AP 0.9765", "AUPRO@0.3 0.9111"):
        assert title in mask_path


@pytest.mark.parametrize(
    "name", ["scratch", "x" * 300, "漢" * 100, "", "file_" * 40 + ".png", "a\u202eb" * 30]
)
def test_a_label_is_never_cut_and_stays_within_the_chart(name: str) -> None:
    lines = wrap_label(name, 60)
    assert "".join(lines).replace("\\u202e", "\u202e") == name
    page = Page(bars(CHART, (Bar(name, 0.5, None, "1234 of 2345, 52.6 %"),)))
    labels = [t for t in page.every("text") if t["class"] == "tick"]
    for line, label in zip(lines, labels, strict=False):
        wide = 13 if line.startswith("漢") else 6.7
        assert float(label["x"] or 0) + wide * len(line) <= WIDTH
    text_x = float(labels[len(lines)]["x"] or 0)
    assert text_x + 6.7 * len("1234 of 2345, 52.6 %") <= WIDTH


def test_bars_do_not_overlap_the_labels_below_them() -> None:
    page = Page(bars(CHART, (Bar("x" * 130, 0.5), Bar("y", 0.5))))
    first, second = (float(item["y"] or 0) for item in page.every("rect"))
    label = [t for t in page.every("text") if t["class"] == "tick"]
    assert first + 20 < float(label[4]["y"] or 0) - 9
    assert float(label[4]["y"] or 0) < second
