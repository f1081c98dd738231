"""The page of one class: its text and its markup."""

import base64
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
from sample_results import (
    HOSTILE,
    Page,
    figures,
    make_pictures,
    make_result,
    make_view,
    picture,
    rate,
)

from evaluation.report.gallery import MAX_PICTURES
from evaluation.report.page import class_page
from evaluation.report.panels import MAX_PANEL_BYTES, PictureView
from evaluation.results import (
    ClassResult,
    MetricValue,
    PictureResult,
    TestSelected,
    ThresholdResult,
)
from inspector.core.errors import DataError


def page_of(result: ClassResult, view: object = make_view) -> Page:
    return Page(class_page(result, view))  # type: ignore[arg-type]


def test_tags_are_balanced_and_nothing_is_loaded_from_elsewhere() -> None:
    text = class_page(make_result(), make_view, "../report.html")
    page = Page(text)
    for attributes in (attributes for _, attributes in page.tags):
        assert (attributes.get("src") or "data:").startswith("data:")
    assert [a["href"] for a in page.every("a")] == ["../report.html"]
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object"}
    assert "url(" not in text
    assert "@import" not in text


def test_every_metric_has_all_its_digits_in_the_markup() -> None:
    result = make_result()
    visible = [attributes["value"] for attributes in page_of(result).every("data")]
    for name in figures().__slots__:
        assert repr(getattr(result.figures, name).value) in visible


def test_an_undefined_metric_shows_its_reason_and_never_a_zero() -> None:
    undefined = figures(pixel_ap=MetricValue(None, "the test set has no masks"))
    page = page_of(make_result(figures=undefined))
    assert "undefined: the test set has no masks" in page.text
    assert "nan" not in page.text.lower().split()


def test_a_caution_is_shown_beside_its_value() -> None:
    with_caution = figures(aupimo=MetricValue(0.5, "few points in its range"))
    assert "0.5000 (few points in its range)" in page_of(
        make_result(figures=with_caution)
    ).text.replace("  ", " ")


def test_false_alarms_misses_and_errors_are_named() -> None:
    text = page_of(make_result()).text
    for heading in ("False alarms: 2", "Misses: 1", "Without a score (ERROR): 1"):
        assert heading in text
    for name in ("good/alarm-a.png", "scratch/missed.png", "good/broken.png is no picture"):
        assert name in text


def test_without_false_alarms_and_misses_sentences_say_so() -> None:
    calm = [item for item in make_pictures() if not item.false_alarm and not item.miss]
    text = page_of(make_result(tuple(item for item in calm if item.verdict != "ERROR"))).text
    for sentence in (
        "There are no false alarms.",
        "There are no misses.",
        "Every picture has a score.",
        "No good picture has a false alarm.",
        "No defective picture was missed.",
        "No false alarms in 12 good pictures: the true rate can still be up to 20.0 %.",
    ):
        assert sentence in text


def test_the_counts_of_the_confusion_table_are_those_of_the_result() -> None:
    at = ThresholdResult(107, 103, 105, 101, *(rate(k, 999) for k in (1, 2, 3, 4)))
    text = class_page(make_result(at_threshold=at), make_view)
    rows = re.findall(r'<tr><th scope="row">(good|defective)</th>(.*?)</tr>', text)
    cells = {name: [re.sub("<.*?>", "", c) for c in row.split("</td>")[:3]] for name, row in rows}
    assert cells == {"good": ["101", "103", "1"], "defective": ["105", "107", "0"]}


def test_the_first_sentence_says_whether_the_threshold_is_useful() -> None:
    result = make_result()
    text = " ".join(page_of(result).text.split())
    title = "cookie: evaluation of cookie line"
    assert text.startswith(f"{title} {title} {result.conclusion.sentence} Engine file")
    assert "misses 1 of 10 defective pictures (10.0 %) and fails 2 of 14" in text


def test_a_threshold_that_is_not_useful_is_a_warning() -> None:
    good = [item for item in make_pictures() if not item.false_alarm]
    useful = class_page(make_result(tuple(good)), make_view)
    assert useful.index('class="findings"') < useful.index("This threshold is useful")
    assert 'class="warn"' not in useful
    assert useful.count("This threshold is useful") == 1
    assert 'class="warn"' in class_page(make_result(), make_view)


def test_the_findings_say_what_happens_at_the_threshold() -> None:
    text = " ".join(page_of(make_result()).text.split())
    assert (
        "The image threshold 0.5000 was chosen from 31 good pictures. 2 of 14 good pictures have "
        "a false alarm (95 % interval 9.3 % to 34.3 %). 1 of 10 defective pictures is missed (95 % "
        "interval 5.0 % to 30.0 %)."
    ) in text


def make_hostile_result() -> ClassResult:
    item = replace(picture(HOSTILE, 0.7), kind=HOSTILE, note=HOSTILE)
    lost = replace(picture(HOSTILE + "2", None), error=HOSTILE)
    result = make_result((*make_pictures(), item, lost), name=HOSTILE, warnings=(HOSTILE,))
    engine = replace(result.engine, name=HOSTILE, file=HOSTILE, trained_on={"name": HOSTILE})
    kinds = tuple(replace(kind, name=HOSTILE) for kind in result.kinds)
    data = replace(result.data, folder=HOSTILE, problems=(HOSTILE,))
    return replace(result, engine=engine, kinds=kinds, data=data)


def test_hostile_names_are_shown_as_they_are_and_can_be_written() -> None:
    text = class_page(make_hostile_result(), make_view)
    text.encode("utf-8")
    page = Page(text)
    assert "b" not in {tag for tag, _ in page.tags}
    assert "\u202e" not in text
    visible = "<b>bad</b> & \"quoted\" 'x' ü漢\\u202e\\udcff\\n.png"
    assert page.text.count(visible) >= 10
    assert any(visible in (attributes.get("alt") or "") for attributes in page.every("img"))


def test_pictures_of_the_page_are_readable_and_have_the_stated_size() -> None:
    images = page_of(make_result()).every("img")
    assert len(images) > 9
    for attributes in images:
        kind, content = str(attributes["src"]).split(";base64,")
        assert kind in ("data:image/jpeg", "data:image/png")
        pixels = cv2.imdecode(np.frombuffer(base64.b64decode(content), np.uint8), cv2.IMREAD_COLOR)
        if "width" in attributes:
            assert pixels.shape[:2] == (int(attributes["height"] or 0), int(attributes["width"]))


def make_noise_view(item: PictureResult) -> PictureView:
    image = np.random.default_rng(0).integers(0, 256, (360, 360, 3)).astype(np.uint8)
    return replace(make_view(item), image=image, mask=None)


def test_a_page_of_many_mistakes_in_noisy_pictures_stays_small() -> None:
    alarms = [picture(f"good/{k}.png", 0.6) for k in range(60)]
    misses = [picture(f"scratch/{k}.png", 0.2, defective=True) for k in range(60)]
    text = class_page(make_result((*make_pictures(), *alarms, *misses)), make_noise_view)
    panels = [a for a in Page(text).every("img") if "width" in a]
    assert 3 * 16 <= len(panels) <= 3 * MAX_PICTURES
    assert max(len(str(a["src"])) for a in panels) <= MAX_PANEL_BYTES * 4 / 3 + 40
    assert len(text) < 3_500_000
    assert "8 of 62 are shown" in text


def test_a_missing_picture_is_replaced_by_a_sentence() -> None:
    def view(item: PictureResult) -> PictureView:
        if item.name == "good/alarm-a.png":
            raise DataError("it was moved")
        return make_view(item)

    page = page_of(make_result(), view)
    assert "The picture cannot be shown: it was moved" in page.text
    assert len(page.every("img")) > 9


def test_an_engine_that_fails_is_not_hidden() -> None:
    def view(item: PictureResult) -> PictureView:
        raise RuntimeError(item.name)

    with pytest.raises(RuntimeError):
        class_page(make_result(), view)


def test_a_class_without_defects_or_masks_still_has_its_page() -> None:
    none = MetricValue(None, "there are no defective pictures")
    undefined = figures(**dict.fromkeys(figures().__slots__, none))
    good = tuple(item for item in make_pictures() if not item.defective)
    result = make_result(
        good,
        figures=undefined,
        kinds=(),
        sizes=(),
        places=(),
        curves=(),
        pixel_histogram=None,
        test_selected=TestSelected(None, None),
    )
    text = page_of(result).text
    assert "No defective picture was tested" in text
    assert "There are no defective pictures." in text
    assert "undefined: there are no defective pictures" in text


def test_every_picture_is_listed_by_name_with_its_score() -> None:
    text = class_page(make_result(), make_view)
    listed = text[text.index("<details>") :]
    for item in make_pictures():
        assert f'<th scope="row">{item.name}</th>' in listed


def test_a_score_just_below_the_threshold_does_not_look_like_the_threshold() -> None:
    close = picture("scratch/close.png", 0.49999, defective=True)
    assert "score 0.49999, threshold 0.5000" in page_of(make_result((*make_pictures(), close))).text


def test_suspect_normal_pictures_are_named() -> None:
    result = make_result()
    with_caution = result.engine.trained_on | {"suspects": ["n-31.jpg"]}
    with_it = replace(result, engine=replace(result.engine, trained_on=with_caution))
    sentence = (
        "1 good picture differs from the others. This may raise the thresholds, so that defects "
        "are missed"
    )
    assert f"{sentence}: n-31.jpg." in page_of(with_it).text
    dropped = replace(result.engine, trained_on=with_caution | {"suspects_dropped": True})
    assert sentence not in page_of(replace(result, engine=dropped)).text
