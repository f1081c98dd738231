"""The cases of the pipeline benchmark."""

from benchmarks.pipeline import SCALES, SHARES, SIZES, Case, all_cases, quick_cases


def test_the_full_form_has_every_combination_once():
    cases = list(all_cases())
    assert len(set(cases)) == len(cases) == len(SIZES) * 2 * len(SHARES) * len(SCALES)


def test_the_quick_form_has_the_case_of_the_aims():
    assert Case("720p", 0.05, "int8", 0.5) in set(quick_cases()) < set(all_cases())


def test_a_case_without_video_switches_it_off():
    assert Case("720p", 0.0, "float32", 0.0).settings == ["output.video.enabled=false"]
    assert Case("720p", 0.0, "float32", 0.5).settings == ["output.video.scale=0.5"]
