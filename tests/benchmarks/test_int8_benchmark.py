"""The text of the benchmark of int8 engines."""

from benchmarks.int8 import Row, Side, describe
from learning.quantising.verdicts import Verdicts


def test_a_row_has_both_engines_and_says_what_was_not_run():
    before = Side(0.9, None, None, 2, 13, 0.25, 88.0, 36.0)
    after = Side(0.92, None, None, 1, 14, 0.5, 86.0, 27.0)
    verdicts = (Verdicts("test pictures", 80, 1, 0, 1.02),)
    row = Row("screw", "rad", before, after, 0.75, ("Conv1",), 0.11, verdicts, 0.004, None)
    lines = describe(row).splitlines()
    assert lines[0] == "rad screw"
    assert "image AUROC 0.9000 -> 0.9200; pixel AUROC - -> -" in lines[1]
    assert "alarms 2 -> 1; missed 13 -> 14; MB 88.0 -> 86.0" in lines[2]
    assert lines[2].endswith("CPU ms 36.0 -> 27.0 (0.75)")
    assert "test pictures 80: 1 near, 0 beyond, scores x 1.020" in lines[3]
    assert "float32 layers Conv1" in lines[4]
    assert lines[4].endswith("without VNNI not run")
