"""Reading the measurements of a study: tables of many kinds, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from gauge_studies import aiag_rows

from evaluation.gauge.design import arrange
from evaluation.gauge.table_reading import read_measurements, read_references, with_references
from inspector.core.errors import DataError


def table(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "study.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def aiag_text(separator: str = ",", decimal: str = ".", end: str = "\n") -> str:
    lines = [("part", "appraiser", "trial", "value")]
    lines += [
        (r.part, r.appraiser, r.trial, str(r.value).replace(".", decimal)) for r in aiag_rows()
    ]
    return end.join(separator.join(line) for line in lines) + end


@pytest.mark.parametrize(
    "content",
    [
        aiag_text(),
        aiag_text(end="\r\n"),
        b"\xef\xbb\xbf" + aiag_text().encode(),
        aiag_text(";", ","),
        aiag_text("\t", ","),
        aiag_text(";"),
        aiag_text().replace("value", " Measurement ").replace("appraiser", "OPERATOR"),
        aiag_text() + ",,,\n\n",
    ],
    ids=["plain", "windows", "bom", "decimal comma", "tabs", "semicolon", "other names", "empty"],
)
def test_tables_of_many_programs_give_the_same_study(tmp_path: Path, content: str | bytes) -> None:
    rows, verdicts = read_measurements(table(tmp_path, content))
    assert rows == aiag_rows()
    assert not verdicts


def test_appraiser_and_trial_may_be_missing(tmp_path: Path) -> None:
    rows, _ = read_measurements(table(tmp_path, "part,value\na,1\nb,2\na,1.5\nb,2.5\n"))
    design = arrange(rows)
    assert (design.parts, len(design.appraisers), design.trials) == (("a", "b"), 1, 2)
    np.testing.assert_array_equal(design.values[:, 0], [[1, 1.5], [2, 2.5]])


@pytest.mark.parametrize(
    ("text", "forced", "verdicts"),
    [
        ("part,value\na,PASS\na,fail\n", False, True),
        ("part,verdict\na,ok\na,NOK\n", False, True),
        ("part,value\na,1\na,0\n", False, False),
        ("part,value\na,1\na,0\n", True, True),
        ("part,value,reference\na,PASS,PASS\na,FAIL,PASS\n", False, True),
    ],
)
def test_verdicts_are_words_or_asked_for(
    tmp_path: Path, text: str, forced: bool, verdicts: bool
) -> None:
    rows, are_verdicts = read_measurements(table(tmp_path, text), verdicts=forced)
    assert are_verdicts is verdicts
    assert [row.value for row in rows] == [1, 0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column part and no column value"),
        ("part,value\n", "no rows"),
        ("name,value\n1,2\n", "no column part"),
        ("part,value,value\n1,2,3\n", "two columns 'value'"),
        ("part,value\n1,2\n1,abc\n", "line 3: the value 'abc' is not a number"),
        ("part,value\n1,nan\n", "line 2: the value 'nan' is not a finite number"),
        ("part,value\n1,inf\n", "not a finite number"),
        ("part,value\n1,1e200\n", "not a finite number"),
        ("part,value\n1,\n", "line 2: the value is missing"),
        ("part,value\n,1\n", "line 2: the part is missing"),
        ("part,value\n1,2,5\n", "line 2 has 3 cells for 2 columns (decimal commas need semicolons"),
        ('part,value\n1,"2,5"\n', "'2,5' is not a number; write a decimal point"),
        ("part;value\n1;2,5\n1;2.5\n", "decimal commas (2,5) and decimal points (2.5)"),
        ("part;value\n1;1.234,5\n", "decimal commas"),
        ("part,value\n1,PASS\n1,maybe\n", "line 3: the value 'maybe' is not PASS or FAIL"),
        ("part,value\n1,2\n1,PASS\n", "line 3: the value 'PASS' is not a number"),
        ("part,value,reference\n1,PASS,2\n", "the reference '2' is not PASS or FAIL"),
        (b"part,value\n\xff\xfe,1\n", "is not UTF-8 text"),
        ("part,value\n1,2\n".encode("utf-16"), "is not UTF-8 text"),
    ],
)
def test_a_bad_table_is_refused_with_its_place(
    tmp_path: Path, text: str | bytes, words: str
) -> None:
    with pytest.raises(DataError) as error:
        read_measurements(table(tmp_path, text))
    assert words in str(error.value)
    assert "study.csv" in str(error.value)


def test_a_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_measurements(tmp_path / "none.csv")


HEAD = "part,appraiser,trial,value\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD + "1,A,1,1\n1,B,1,2\n2,A,1,3\n2,B,1,4\n", "once by each appraiser"),
        (HEAD + "1,A,1,1\n1,A,1,2\n", "part 1, appraiser A and trial 1 appear twice"),
        (
            HEAD + "1,A,1,1\n1,A,2,2\n1,B,1,1\n1,B,2,2\n2,A,1,3\n2,A,2,4\n",
            "part 2 of appraiser B has 0",
        ),
        (HEAD + "1,A,1,1\n1,A,2,2\n2,A,1,3\n", "part 2 of appraiser A has 1"),
        (
            HEAD + "1,A,1,1\n1,A,2,2\n2,B,1,1\n2,B,2,2\n3,B,1,3\n3,B,2,4\n",
            "the same number of parts; here: A 1, B 2",
        ),
        (
            "part,value,reference\n1,1,1.0\n1,2,1.1\n",
            "part 1 has two reference values: 1 and 1.1",
        ),
    ],
)
def test_a_study_that_is_not_balanced_says_what_is_missing(
    tmp_path: Path, text: str, words: str
) -> None:
    rows, _ = read_measurements(table(tmp_path, text))
    with pytest.raises(DataError) as error:
        arrange(rows)
    assert words in str(error.value)


def test_trials_may_be_in_any_order_of_lines(tmp_path: Path) -> None:
    lines = aiag_text().splitlines()
    shuffled = [lines[0], *np.random.default_rng(0).permutation(lines[1:])]
    rows, _ = read_measurements(table(tmp_path, "\n".join(shuffled)))
    design, expected = arrange(rows), arrange(aiag_rows())
    assert sorted(design.parts) == sorted(expected.parts)
    for part in expected.parts:
        np.testing.assert_array_equal(
            np.sort(design.of_part(part)), np.sort(expected.of_part(part))
        )


def test_parts_of_a_single_appraiser_each_are_nested(tmp_path: Path) -> None:
    text = HEAD + "".join(f"{a}{p},{a},{t},{p + t}\n" for a in "AB" for p in (1, 2) for t in (1, 2))
    design = arrange(read_measurements(table(tmp_path, text))[0])
    assert design.nested
    assert design.parts == ("A1", "A2", "B1", "B2")
    np.testing.assert_array_equal(design.of_part("B2"), [3, 4])


def test_references_are_added_to_the_parts(tmp_path: Path) -> None:
    rows = with_references(
        aiag_rows(), read_references(table(tmp_path, "part,reference\n2,0.5\n"), verdicts=False)
    )
    assert arrange(rows).references == {"2": 0.5}


def test_a_reference_of_an_unknown_part_is_refused() -> None:
    with pytest.raises(DataError, match="no such part"):
        with_references(aiag_rows(), {"42": 1.0})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("part,reference\n1,\n", "no reference"),
        ("part,reference\n1,2\n1,3\n", "two references"),
        ("part,value\n1,2\n", "no column reference"),
    ],
)
def test_bad_references_are_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_references(table(tmp_path, text), verdicts=False)
