"""The benchmark of few good pictures, on a small rendered set."""

import cv2
import numpy as np

from benchmarks.few_pictures import draw, main, read_set


def write_set(folder):
    random = np.random.default_rng(0)
    product = cv2.resize(random.integers(60, 180, (8, 8, 3), np.uint8), (64, 64))
    for part, kind, count in (("train", "good", 3), ("test", "good", 3), ("test", "bad", 3)):
        place = folder / part / kind
        place.mkdir(parents=True)
        for index in range(count):
            picture = np.clip(product + random.normal(0, 2, product.shape), 0, 255)
            if kind == "bad":
                cv2.circle(picture, (20 + 8 * index, 30), 9, (250, 250, 250), -1)
            cv2.imwrite(str(place / f"{part}{index}.png"), picture.astype(np.uint8))


def test_it_prints_a_row_per_count_with_copies_only_where_fit_makes_them(tmp_path, capsys):
    write_set(tmp_path / "part")
    arguments = ["--data", str(tmp_path), "--sets", "part", "--methods", "rad", "padim"]
    assert main([*arguments, "--counts", "1", "9", "--draws", "1"]) == 0
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [(row[1], row[2], row[3]) for row in rows] == [
        (method, count, mode)
        for method in ("rad", "padim")
        for count in ("1", "3")
        for mode in ("auto", "none")
    ]
    values = {tuple(row[1:4]): float(row[4]) for row in rows}
    assert values["rad", "3", "auto"] == values["rad", "1", "auto"] == 1
    assert np.isnan(values["padim", "1", "none"])
    assert not np.isnan(values["padim", "1", "auto"])


def test_a_draw_depends_on_its_seed_only(tmp_path):
    write_set(tmp_path / "part")
    normals, tests = read_set(tmp_path / "part")
    assert tests.defective.tolist() == [True] * 3 + [False] * 3
    drawn = {draw(normals, 2, seed).names for seed in range(8)}
    assert drawn > {draw(normals, 2, 3).names}
    assert all(len(names) == 2 for names in drawn)
