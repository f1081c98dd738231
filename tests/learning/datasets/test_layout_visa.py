"""The layout of VisA as it is distributed."""

import pytest
from dataset_trees import mask, picture, stray

from inspector.core.errors import DataError
from learning.datasets.layouts import load

HEADER = "object,split,label,image,mask\n"


def visa(root, *, classes=("candle", "pcb1"), extra="", kinds=True):
    """Two training, one good test and two defective pictures in each class."""
    lines = []
    for name in classes:
        data = f"{name}/Data"
        for index, split in enumerate(("train", "train", "test")):
            image = f"{data}/Images/Normal/{index:04}.JPG"
            picture(root / image)
            lines.append(f"{name},{split},normal,{image},\n")
        anno = ["image,label,mask\n"]
        for index, kind in enumerate(("melt", '"melt, scratch"')):
            image, truth = f"{data}/Images/Anomaly/{index:03}.JPG", f"{index:03}.png"
            truth = f"{data}/Masks/Anomaly/{truth}"
            picture(root / image)
            mask(root / truth, 2)
            lines.append(f"{name},test,anomaly,{image},{truth}\n")
            anno.append(f"{image},{kind},{truth}\n")
        if kinds:
            (root / name / "image_anno.csv").write_text("".join(anno))
        stray(root / data / "Images" / "Normal")
    write(root, HEADER + "".join(lines) + extra)
    return root


def write(root, text):
    (root / "split_csv").mkdir(exist_ok=True)
    (root / "split_csv" / "1cls.csv").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("layout", ["visa", None])
def test_the_list_says_parts_masks_and_kinds(tmp_path, layout):
    candle, pcb1 = load(visa(tmp_path), layout)
    assert (candle.name, pcb1.name, candle.layout) == ("candle", "pcb1", "visa")
    assert candle.problems == ()
    assert (len(candle.normals()), len(candle.tests()), len(candle.defects())) == (2, 3, 2)
    assert candle.kinds() == ("combined", "melt")
    first = candle.defects()[0]
    assert first.name == "candle/Data/Images/Anomaly/000.JPG"
    assert first.masks == (tmp_path / "candle/Data/Masks/Anomaly/000.png",)


def test_without_the_file_of_kinds_all_are_anomalies(tmp_path):
    assert load(visa(tmp_path, kinds=False), None)[0].kinds() == ("anomaly",)


def test_one_class_is_read_from_its_own_folder(tmp_path):
    visa(tmp_path)
    (class_data,) = load(tmp_path / "pcb1", None)
    assert class_data.name == "pcb1"
    assert len(class_data.samples) == 5


def test_a_mark_in_front_of_the_list_is_no_part_of_its_first_column(tmp_path):
    visa(tmp_path)
    path = tmp_path / "split_csv" / "1cls.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert len(load(tmp_path, None)) == 2


def test_files_that_are_missing_or_not_listed_are_named(tmp_path):
    extra = "candle,train,normal,candle/Data/Images/Normal/9999.JPG,\n"
    visa(tmp_path, extra=extra)
    (tmp_path / "candle/Data/Masks/Anomaly/001.png").unlink()
    mask(tmp_path / "candle/Data/Masks/Anomaly/777.png")
    picture(tmp_path / "candle/Data/Images/Normal/5555.JPG")
    candle, pcb1 = load(tmp_path, "visa")
    assert not pcb1.problems
    problems = "\n".join(candle.problems)
    assert len(candle.problems) == 4
    assert "lists candle/Data/Images/Normal/9999.JPG, which is not there" in problems
    assert "lists the mask candle/Data/Masks/Anomaly/001.png, which is not there" in problems
    assert "1 pictures in" in problems
    assert "first 5555.JPG" in problems
    assert "first 777.png" in problems
    assert [len(s.masks) for s in candle.defects()] == [1, 0]


def test_a_defective_picture_without_a_listed_mask_is_named(tmp_path):
    extra = "candle,test,anomaly,candle/Data/Images/Anomaly/002.JPG,\n"
    picture(tmp_path / "candle/Data/Images/Anomaly/002.JPG")
    (class_data,) = load(visa(tmp_path, classes=("candle",), extra=extra), None)
    assert len(class_data.problems) == 1
    assert "lists no mask for candle/Data/Images/Anomaly/002.JPG" in class_data.problems[0]


def test_a_picture_that_is_listed_twice_counts_once(tmp_path):
    extra = "candle,test,normal,candle/Data/Images/Normal/0000.JPG,\n"
    (class_data,) = load(visa(tmp_path, classes=("candle",), extra=extra), None)
    assert len(class_data.samples) == 5
    assert "0000.JPG twice" in class_data.problems[0]


@pytest.mark.parametrize("name", ["", "."])
def test_a_class_without_a_name_is_refused(tmp_path, name):
    visa(tmp_path, classes=("candle",))
    write(tmp_path, f"{HEADER}{name},test,normal,candle/Data/Images/Normal/0000.JPG,\n")
    with pytest.raises(DataError, match=r"1cls\.csv has the object .*, which is no name"):
        load(tmp_path, "visa")


@pytest.mark.parametrize(
    "path", ["../../secret.png", "/etc/passwd", "candle/../../x.png", "C:/x.png", "..\\x.png"]
)
@pytest.mark.parametrize("column", ["image", "mask"])
def test_a_path_that_leaves_the_root_is_refused_by_name(tmp_path, path, column):
    picture(tmp_path / "candle/a.png")
    cells = ("candle/a.png", path) if column == "mask" else (path, "")
    extra = f"candle,test,anomaly,{cells[0]},{cells[1]}\n"
    visa(tmp_path, classes=("candle",), extra=extra)
    with pytest.raises(DataError, match=r"1cls\.csv lists .*, which is no path inside") as caught:
        load(tmp_path, "visa")
    assert repr(path) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("object,split,image\n", "lacks the column label"),
        ("", "lacks the column object"),
        (HEADER, "lists no pictures for"),
        (HEADER + "candle,train\n", "line 2 of .* ends too early"),
        (HEADER + "candle,dev,normal,candle/a.png,\n", "has the split 'dev'"),
        (HEADER + "candle,test,odd,candle/a.png,\n", "has the label 'odd'"),
        (HEADER + '"candle,test\n', "is no list of pictures in CSV"),
    ],
)
def test_a_broken_list_gives_one_sentence(tmp_path, text, sentence):
    picture(tmp_path / "candle/a.png")
    write(tmp_path, text)
    with pytest.raises(DataError, match=sentence):
        load(tmp_path, "visa")


def test_a_list_in_another_encoding_gives_one_sentence(tmp_path):
    visa(tmp_path)
    path = tmp_path / "split_csv" / "1cls.csv"
    path.write_bytes(path.read_bytes() + b"candle,train,normal,\xff\xfe.png,\n")
    with pytest.raises(DataError, match="is no list of pictures in CSV"):
        load(tmp_path, None)


def test_pictures_without_their_list_say_what_is_missing(tmp_path):
    picture(tmp_path / "candle/Data/Images/Normal/0.JPG")
    for root in (tmp_path, tmp_path / "candle"):
        with pytest.raises(DataError, match=r"split_csv/1cls\.csv cannot be read: No such file"):
            load(root, None)


@pytest.mark.parametrize("label", ["Normal", "good", "OK"])
def test_good_pictures_may_have_another_label(tmp_path, label):
    visa(tmp_path, kinds=False)
    listed = tmp_path / "split_csv" / "1cls.csv"
    write(
        tmp_path, listed.read_text().replace(",normal,", f",{label},").replace("anomaly", "Anomaly")
    )
    candle, _ = load(tmp_path, None)
    assert (len(candle.normals()), len(candle.defects()), candle.problems) == (2, 2, ())
