"""Tests of the picture of a web: what it shows, its scale and its size."""

import dataclasses
import math
import random
import re
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from inspector.core.types import Severity
from inspector.report.roll import LostSpan, Roll, RollDefect
from inspector.report.roll_map import (
    COLOURS,
    LEFT,
    MARK,
    roll_map_pages,
    roll_map_svg,
    write_roll_map,
)
from inspector.report.roll_scale import PLOT, choose_scale, sum_up
from inspector.report.roll_texts import english

SVG = "{http://www.w3.org/2000/svg}"


def defect(number: int, along: float, across: float, **values: object) -> RollDefect:
    base = RollDefect(
        track_id=f"r/main/d{number}",
        label=f"d{number}",
        severity=Severity.LOW,
        along=along,
        across=across,
        length=20.0,
        width=10.0,
        area=150.0,
        angle_deg=0.0,
        length_u=0.4,
        width_u=0.3,
    )
    return dataclasses.replace(base, **values)  # type: ignore[arg-type]


def roll(*defects: RollDefect, length: float = 10_000, width: float = 500, **more: object) -> Roll:
    made = Roll(
        "main, run r", defects, length, width, defect_count=len(defects), lowest_count=len(defects)
    )
    return dataclasses.replace(made, **more)  # type: ignore[arg-type]


def random_roll(count: int, length: float, width: float) -> Roll:
    rng = random.Random(1)
    defects = (
        defect(
            number,
            rng.uniform(0, length),
            rng.uniform(0, width),
            severity=rng.choice(list(Severity)),
            length=rng.uniform(1, 60),
            angle_deg=rng.uniform(0, 180),
        )
        for number in range(count)
    )
    return roll(*defects, length=length, width=width)


def titled(svg: str) -> dict[str, list[tuple[float, float]]]:
    """Text at the mouse up to the colon -> points of the shape; a longer defect has the last."""
    shapes = {}
    for path in ElementTree.fromstring(svg).iter(f"{SVG}path"):
        title = path.find(f"{SVG}title")
        if title is not None:
            shapes[(title.text or "").partition(":")[0]] = points_of(path.attrib["d"])
    return shapes


def points_of(path: str) -> list[tuple[float, float]]:
    points, (x, y) = [], (0.0, 0.0)
    for command, numbers in re.findall(r"([Mlhv])([-0-9. ]+)", path):
        values = [float(value) for value in numbers.split()]
        if command == "M":
            x, y = values
        elif command == "l":
            x, y = x + values[0], y + values[1]
        elif command == "h":
            x += values[0]
        else:
            y += values[0]
        points.append((x, y))
    return points


def texts(svg: str) -> list[str]:
    return [text.text or "" for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def size(points: list[tuple[float, float]]) -> tuple[float, float]:
    x, y = np.array(points).T
    return float(np.ptp(x)), float(np.ptp(y))


@pytest.mark.parametrize("angle", [0.0, 30.0, 90.0, 135.0])
def test_a_defect_is_drawn_to_scale_at_its_place(angle: float) -> None:
    web = roll(defect(7, 3000.0, 250.0, length=300.0, width=80.0, angle_deg=angle))
    scale = choose_scale(web)
    assert scale.along == pytest.approx(scale.across)
    points = titled(roll_map_svg(web))["d7"]
    sides = sorted(math.dist(points[i], points[i - 1]) for i in range(4))
    expected = [80 * scale.along] * 2 + [300 * scale.along] * 2
    assert sides == pytest.approx(expected, abs=0.3)
    x = np.mean(points, axis=0)[0]
    strip = int(3000 // scale.length)
    assert x == pytest.approx(LEFT + (3000 - strip * scale.length) * scale.along, abs=0.1)
    angle_drawn = max((math.dist(points[i], points[i - 1]), i) for i in range(4))[1]
    dx, dy = np.subtract(points[angle_drawn], points[angle_drawn - 1])
    turn = (math.degrees(math.atan2(dy, dx)) - angle + 90) % 180 - 90
    assert turn == pytest.approx(0, abs=0.5)


def test_a_small_defect_has_the_smallest_mark_and_its_number() -> None:
    svg = roll_map_svg(roll(defect(42, 1000.0, 250.0, length=0.2, width=0.1)))
    assert size(titled(svg)["d42"]) == (MARK, MARK)
    assert "42" in texts(svg)
    assert "d42: 0.2 +-0.4 x 0.1 +-0.3 mm, low, at 1 m, 250 mm across" in svg


def test_the_colour_shows_the_severity_and_the_legend_counts_it() -> None:
    web = roll(*(defect(i, 500.0 * i, 100.0, severity=s) for i, s in enumerate(Severity, 1)))
    svg = roll_map_svg(web)
    for severity in Severity:
        assert f'fill="#{COLOURS[severity]}" stroke' in svg
        assert f"{severity} (1)" in texts(svg)


def test_a_defect_longer_than_a_strip_goes_on_in_the_next_strips() -> None:
    web = roll(
        defect(3, 9e3, 250.0, truncated=True, extent=(500.0, 19_500.0, 240.0, 260.0), length=19e3),
        length=20_000,
    )
    scale = choose_scale(web)
    assert scale.strips > 2
    paths = re.findall(r'd="([^"]+)"><title>d3: at least', roll_map_svg(web))
    assert len(paths) == scale.strips
    drawn = sum(size(points_of(path))[0] for path in paths)
    assert drawn == pytest.approx(19e3 * scale.along, abs=0.2 * scale.strips)
    for path in paths:
        assert all(LEFT - 0.1 <= x <= LEFT + PLOT + 0.1 for x, _ in points_of(path))


def test_lengths_that_were_not_inspected_are_hatched_and_named() -> None:
    web = roll(
        lost=(LostSpan(1000, 1600, "dropped"), LostSpan(9990, 9991, "motion_unknown")),
        bands=(LostSpan(0, 50, "masked"),),
        lost_count=2,
    )
    svg = roll_map_svg(web)
    assert "not inspected: only in frames that were dropped, 1 m to 1.6 m" in svg
    assert (
        "Not inspected over the full width: 0.6 m (only in frames that were dropped), 0.001 m (the "
        "motion was unknown), at 2 places."
    ) in " ".join(texts(svg))
    assert "full length: 0 to 50 mm (left out by the region of interest) across." in svg
    legend = {f"not inspected: {english(web).cause(cause)}" for cause in ("dropped", "masked")}
    assert legend < set(texts(svg))
    scale = choose_scale(web)
    hatched = re.findall(r'fill="url\(#hatch-\w+\)"[^>]*d="([^"]+)"', svg)
    widths = sorted(round(size(points_of(path))[0]) for path in hatched)
    assert round(600 * scale.along) in widths
    assert 2 in widths  # a millimetre is seen too


def test_a_web_without_defects_says_so() -> None:
    svg = roll_map_svg(roll())
    assert "Web: 10 m x 500 mm, 0 defects." in texts(svg)
    assert "The full length and width was inspected." in texts(svg)
    assert not re.search(r"<title>d\d", svg)


def test_doubt_about_the_count_and_an_unfinished_run_are_stated() -> None:
    web = roll(defect(1, 5.0, 5.0), defect(2, 9.0, 9.0), lowest_count=1)
    assert "between 1 and 2 defects" in roll_map_svg(web)
    assert "The log has no ledger" in roll_map_svg(dataclasses.replace(web, complete=False))
    many = dataclasses.replace(web, defect_count=70_000)
    assert "The map shows the last 2 defects." in texts(roll_map_svg(many))


@pytest.mark.parametrize(
    ("count", "length", "width"),
    [(10_000, 1e6, 1200.0), (1000, 1e6, 60.0), (20_000, 1e7, 2000.0)],
)
def test_a_long_web_stays_small_and_has_few_strips(count: int, length: float, width: float) -> None:
    web = random_roll(count, length, width)
    svg = roll_map_svg(web)
    assert len(svg) < 2e6
    assert choose_scale(web).strips <= 25
    root = ElementTree.fromstring(svg)
    assert int(root.attrib["height"]) < 12_000


def test_every_defect_of_a_strip_is_in_the_svg_and_can_have_a_link() -> None:
    web = random_roll(400, 50_000, 800)
    svg = roll_map_svg(web, link="defects.html#")
    assert set(titled(svg)) == {d.label for d in web.defects}
    links = re.findall(r'<a href="defects.html#(d\d+)">', svg)
    assert set(links) == {d.label for d in web.defects}


def test_numbers_do_not_cover_each_other() -> None:
    svg = roll_map_svg(random_roll(2000, 50_000, 800))
    boxes = [
        (float(t.attrib["x"]), float(t.attrib["y"]), 5.6 * len(t.text or ""))
        for t in ElementTree.fromstring(svg).iter(f"{SVG}text")
        if t.attrib["font-size"] == "10"
    ]
    assert len(boxes) > 100
    boxes.sort(key=lambda box: box[1])
    for i, (x0, y0, w0) in enumerate(boxes):
        for x1, y1, w1 in boxes[i + 1 :]:
            if y1 - y0 >= 9:
                break
            assert x0 + w0 <= x1 or x1 + w1 <= x0


def test_pages_have_all_strips() -> None:
    web = random_roll(50, 1e6, 1200)
    pages = roll_map_pages(web, notes=[], link="", wording=english(web))
    strips = choose_scale(web).strips
    assert len(pages) == math.ceil(strips / 5)
    assert sum(page.count(">count</text>") for page in pages) == strips
    shown = set().union(*(titled(page) for page in pages))
    assert shown == {d.label for d in web.defects}


def test_counts_and_areas_of_each_metre_add_up() -> None:
    web = random_roll(500, 20_000, 800)
    long_defect = defect(
        999,
        5000.0,
        300.0,
        length=3000.0,
        truncated=True,
        area=9000.0,
        extent=(3500.0, 6500.0, 290.0, 310.0),
    )
    web = dataclasses.replace(web, defects=(*web.defects, long_defect))
    counts, areas = sum_up(web, 1000.0)
    assert counts.sum() == 501
    assert areas.sum() == pytest.approx(sum(d.area for d in web.defects))
    only, _ = sum_up(roll(long_defect, length=20_000), 1000.0)
    _, spread = sum_up(roll(long_defect, length=20_000), 1000.0)
    assert only.tolist()[5] == 1
    assert spread[3:7].tolist() == pytest.approx([1500, 3000, 3000, 1500])


def test_defects_outside_the_measured_web_are_drawn_at_its_edge() -> None:
    web = roll(defect(1, -30.0, 250.0), defect(2, 10_400.0, 250.0), defect(3, 100.0, 520.0))
    shapes = titled(roll_map_svg(web))
    for points in shapes.values():
        assert all(LEFT - MARK <= x <= LEFT + PLOT + MARK for x, _ in points)
    assert len(shapes) == 3


def test_names_cannot_break_the_svg() -> None:
    web = dataclasses.replace(roll(defect(1, 5.0, 5.0)), name='a<b>&"\x00\ud800 \u00e4')
    ElementTree.fromstring(roll_map_svg(web, notes=["<script>"]))


def test_the_png_shows_the_same_as_the_svg(tmp_path: Path) -> None:
    web = roll(defect(1, 1000.0, 250.0, length=400, width=200, severity=Severity.CRITICAL))
    write_roll_map(tmp_path, web)
    svg = (tmp_path / "roll_map.svg").read_text(encoding="utf-8")
    assert svg == roll_map_svg(web)
    picture = cv2.imread(str(tmp_path / "roll_map.png"))
    root = ElementTree.fromstring(svg)
    assert picture.shape[:2] == (int(root.attrib["height"]), int(root.attrib["width"]))
    x, y = np.mean(titled(svg)["d1"], axis=0)
    assert picture[round(y), round(x)].tolist() == [0x2B, 0x12, 0xC1]
    width, height = size(titled(svg)["d1"])
    red = (picture == (0x2B, 0x12, 0xC1)).all(axis=2)[round(y) - 150 : round(y) + 150]
    assert red.sum() == pytest.approx(width * height, rel=0.05)


def test_a_web_in_pixels_has_pixels_on_its_axes() -> None:
    svg = roll_map_svg(roll(defect(1, 500.0, 250.0), unit="px"))
    assert "Web: 10000 px x 500 px, 1 defect." in svg
    assert " m<" not in svg
