"""Test pictures that are both good and defective."""

import shutil

from plate_dataset import evaluate, write_class_folder


def test_a_picture_that_is_good_and_defective_gives_a_warning(tmp_path):
    folder = write_class_folder(tmp_path / "plates")
    (kind, *_) = (place for place in (folder / "test").iterdir() if place.name != "good")
    defective = sorted(kind.iterdir())[0]
    shutil.copy(defective, folder / "test" / "good" / "zz.png")
    warnings = "\n".join(evaluate(folder).warnings)
    assert "1 pictures are both among the good and the defective ones" in warnings
    assert f"test/good/zz.png, which is equal to test/{kind.name}/{defective.name}" in warnings
