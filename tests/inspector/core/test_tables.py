"""Tests of the rows of CSV files, and that every CSV file of the project has such rows."""

import ast
import csv
import io
import random
import re
import time
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

import numpy as np
import pytest

from inspector.core.errors import ConfigError
from inspector.core.tables import (
    TAB,
    CsvOptions,
    csv_head,
    csv_row,
    find_separator,
    read_number,
    read_text,
)

ROOT = Path(__file__).parents[3]
WRITER = ROOT / "inspector" / "core" / "tables.py"
PACKAGES = (
    *("inspector", "engines", "learning", "evaluation", "calibration", "tools"),
    *("benchmarks", "examples", "run_inspector.py"),
)
WRITING_CALLS = {"writer", "DictWriter", "savetxt", "to_csv"}
"""Functions of csv, numpy and pandas that write CSV."""


class Kind(StrEnum):
    FORMULA = "=1+1"


def cells(row: str) -> list[str]:
    return next(csv.reader(io.StringIO(row, newline="")))


@pytest.mark.parametrize(
    "name",
    [
        *("=HYPERLINK(1)", "+1", "-1", "@x", "\t=1", "\r=1", " =1", "\u00a0=1", "\ufeff=1", "\n-x"),
        *("\u200b@SUM(1)", "\uff1dcmd", "\uff0b1", "\uff0d1", "\uff20x", "-2+3+cmd|' /C calc'!A0"),
    ],
)
def test_text_that_begins_like_a_formula_gets_an_apostrophe(name: str) -> None:
    assert cells(csv_row([name, 1])) == [f"'{name}", "1"]


@pytest.mark.parametrize(
    ("name", "written"),
    [("a;=cmd", "a;'=cmd"), ("a\t=cmd", "a\t'=cmd"), ("a\n@x", "a\n'@x"), ("x|-1", "x|'-1")],
)
def test_text_that_a_spreadsheet_may_split_gets_one_too(name: str, written: str) -> None:
    assert cells(csv_row([name])) == [written]


def test_paths_and_enumerations_are_text() -> None:
    assert cells(csv_row([Path("-x.png"), Kind.FORMULA])) == ["'-x.png", "'=1+1"]


def test_numbers_and_other_text_stay_as_they_are() -> None:
    assert csv_row([-1.5, "a=b", None, 'say "x", y', ""]) == '-1.5,a=b,,"say ""x"", y",\r\n'
    assert csv_row([-1, np.float32(-0.5), np.int64(-7), Decimal("-2.5"), True, -1e-9]) == (
        "-1,-0.5,-7,-2.5,True,-1e-09\r\n"
    )
    assert csv_row(["crack-1", "a; -b", "mail@host", "1+1"]) == "crack-1,a; -b,mail@host,1+1\r\n"


@pytest.mark.parametrize(
    "name",
    [
        *(
            '"=1+1',
            "'=1",
            "''-x",
            "\u00ad=1",
            "\u202e@x",
            "\u2060+1",
            "\x01=1",
            "\u3000=1",
            " \n-x",
        ),
        *("\ufe66x", "\ufe62x", "\ufe63x", "\ufe6bx", "\u207ax", "\u208cx", "\ufb29x", '"" -x'),
    ],
)
def test_text_that_hides_the_beginning_of_a_formula_gets_an_apostrophe(name: str) -> None:
    (cell,) = cells(csv_row([name]))
    assert cell == f"'{name}"
    assert read_text(cell) == name


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a,=1", "a,'=1"),
        ("a,-b", "a,'-b"),
        ('a;"=1"', 'a;\'"=1"'),
        ("a; =1", "a;' =1"),
        ("a;\u00a0-1", "a;'\u00a0-1"),
    ],
)
def test_every_separator_can_begin_a_formula(name: str, written: str) -> None:
    assert cells(csv_row([name])) == [written]
    assert read_text(written) == name


FORMS = [
    *(CsvOptions(separator, decimal) for separator in (";", TAB) for decimal in ".,"),
    *(CsvOptions(",", "."), CsvOptions(";", ",", bom=True), CsvOptions(",", ".", bom=True)),
]
ALPHABET = "=+-@'\",;\t\r\n| \u00a0\ufeff\u200b\uff1d\u00e4ab1.5"
INVISIBLE = '"\u00a0\ufeff\u200b\t\r\n'


def texts(count: int) -> list[str]:
    rng = random.Random(5)
    return ["".join(rng.choices(ALPHABET, k=rng.randint(0, 9))) for _ in range(count)]


def mark(options: CsvOptions) -> str:
    return "\t" if options.separator == TAB else options.separator


@pytest.mark.parametrize("options", FORMS, ids=str)
def test_any_text_is_read_back_unchanged(options: CsvOptions) -> None:
    cells_of_rows = texts(2000)
    rows = [cells_of_rows[i : i + 4] for i in range(0, 2000, 4)]
    text = csv_head(["a", "b", "c", "d"], options) + "".join(csv_row(r, options) for r in rows)
    assert text.startswith("\ufeff") == options.bom
    head, *lines = csv.reader(
        io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=mark(options)
    )
    assert head == ["a", "b", "c", "d"]
    assert [[read_text(cell) for cell in line] for line in lines] == rows


@pytest.mark.parametrize("options", FORMS, ids=str)
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_no_text_is_a_formula_however_a_spreadsheet_splits_it(
    options: CsvOptions, separator: str
) -> None:
    for text in texts(1000):
        if re.match(r"[\s\ufeff\u200b\"]*[\t\r\n]", text):
            continue  # The apostrophe comes before the white space at the beginning.
        row = csv_row([text, "x"], options)
        quoted = csv.reader(io.StringIO(row, newline=""), delimiter=separator)
        pieces = {*re.split(f"[\r\n{separator}]", row), *(c for line in quoted for c in line)}
        for piece in pieces:
            assert not piece.lstrip(INVISIBLE).startswith(("+", "-")), text
            assert not piece.lstrip(INVISIBLE + " ").startswith(("=", "@", "\uff1d")), text


@pytest.mark.parametrize("options", FORMS, ids=str)
def test_numbers_are_read_back_unchanged(options: CsvOptions) -> None:
    rng = random.Random(7)
    numbers = [rng.choice([-1, 1]) * 10 ** rng.uniform(-12, 12) for _ in range(2000)]
    numbers += [0.0, -0.0, 1e300, -5.0, -5, 1_000_000]
    row = csv_row(numbers, options)
    read = next(csv.reader(io.StringIO(row), delimiter=mark(options)))
    assert [read_number(cell, mark(options)) for cell in read] == numbers
    assert "'" not in row
    if options.decimal == ",":
        assert "." not in row


@pytest.mark.parametrize("text", ["\x0b" * 50_000 + "x", "'" * 50_000 + "x", "\t" * 2000 + "x"])
def test_a_long_text_takes_no_time(text: str) -> None:
    start = time.process_time()
    assert read_text(cells(csv_row([text]))[0]) == text
    assert time.process_time() - start < 2.0


def test_numbers_of_every_type_have_the_decimal_comma() -> None:
    german = CsvOptions(";", ",")
    values = [-1.5, np.float32(0.25), np.int64(-7), Decimal("-2.5"), True, "1.5", None, -5]
    assert csv_row(values, german) == "-1,5;0,25;-7;-2,5;True;1.5;;-5\r\n"


def test_the_same_mark_for_cells_and_decimals_is_refused() -> None:
    with pytest.raises(ConfigError, match="set output"):
        CsvOptions(",", ",")


@pytest.mark.parametrize("options", FORMS, ids=str)
def test_the_separator_is_recognised(options: CsvOptions) -> None:
    assert find_separator(csv_head(["part", "value", "length_mm"], options)) == mark(options)


def sources() -> list[Path]:
    paths = [ROOT / name for name in PACKAGES if name.endswith(".py")]
    for name in PACKAGES:
        paths += sorted((ROOT / name).rglob("*.py"))
    return [path for path in paths if path != WRITER]


def csv_writing(text: str) -> list[int]:
    """Lines of a module that write CSV in another way than by csv_row."""
    lines = []
    nodes = list(ast.walk(ast.parse(text)))
    imported = {
        alias.asname or alias.name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module in ("csv", "numpy")
        for alias in node.names
    }
    for node in nodes:
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute) and node.func.attr in WRITING_CALLS:
            is_ours = node.func.attr == "to_csv" and not node.args and not node.keywords
            lines += [] if is_ours else [node.lineno]
        elif isinstance(node.func, ast.Name) and node.func.id in WRITING_CALLS & imported:
            lines.append(node.lineno)
        elif isinstance(node.func, ast.Attribute) and node.func.attr == "join":
            between = node.func.value.value if isinstance(node.func.value, ast.Constant) else ""
            lines += [node.lineno] if between in (",", ";", "\t") else []
    return lines


def names_csv_file(text: str) -> bool:
    return any(
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.endswith(".csv")
        for node in ast.walk(ast.parse(text))
    )


@pytest.mark.parametrize(
    "text",
    [
        "import csv\ncsv.writer(file).writerow(row)",
        "from csv import writer\nwriter(file)",
        "import csv\ncsv.DictWriter(file, names)",
        "import numpy as np\nnp.savetxt('x.csv', table)",
        "frame.to_csv('x.csv')",
        "file.write(','.join(row))",
        "file.write(';'.join(row))",
    ],
)
def test_the_search_sees_every_way_of_writing_csv(text: str) -> None:
    assert csv_writing(text)
    assert not csv_writing("import csv\ncsv.reader(file)\n', '.join(names)\nmetrics.to_csv()")


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_csv_file_is_written_by_csv_row(path: Path) -> None:
    assert not csv_writing(path.read_text(encoding="utf-8")), "use inspector.core.tables.csv_row"


def test_the_modules_that_name_a_csv_file_are_known() -> None:
    """A new module in this list must write its rows by csv_row."""
    naming = {
        str(path.relative_to(ROOT))
        for path in sources()
        if names_csv_file(path.read_text(encoding="utf-8"))
    }
    assert naming == {
        "benchmarks/atlas/cost.py",  # reads the table of a run
        "benchmarks/evidence_changes.py",  # damages the tables of a run
        "benchmarks/tracking_pipeline.py",  # its encoder file has numbers only
        "evaluation/acceptance/page.py",  # names the file on the page
        "evaluation/acceptance/record.py",  # writes by csv_row
        "evaluation/gauge/study.py",  # names the file
        "evaluation/replay/change_tables.py",  # writes by csv_row
        "evaluation/result_files.py",  # writes by csv_row
        "examples/measure_mask.py",  # writes DefectMetrics.to_csv()
        "inspector/evidence/file_check.py",  # counts the rows of a table
        "inspector/export/tables.py",  # writes by TableFile, which uses csv_row
        "inspector/outputs/folder.py",  # names of the files of CsvLogSink
        "learning/datasets/other_folders.py",  # recognises results of a run
        "learning/datasets/visa.py",  # reads the lists of VisA
    }
