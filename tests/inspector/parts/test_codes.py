"""Tests codes on parts: what is read, how often, and what a part without a code is."""

from collections.abc import Sequence
from typing import Any

import pytest
from code_pictures import REGION, code_picture
from log_lines import warnings_of
from part_scenes import Seen, run_stage, see

from inspector.core.arrays import Image
from inspector.core.errors import ConfigError
from inspector.core.trace import TraceFields
from inspector.core.types import Cause
from inspector.parts.book import PartBook
from inspector.parts.code_options import CodeOptions, check_codes
from inspector.parts.codes import CodeReader
from inspector.parts.joiner import PartJoiner
from inspector.parts.stage import PartStage
from inspector.parts.triggers import Trigger, TriggerGrouping, TriggerRules
from inspector.parts.verdict import PartRule

pytest.importorskip("zxingcpp", reason="needs the extra codes")


def reader(**options: Any) -> CodeReader:
    return CodeReader(CodeOptions(enabled=True, region=REGION, **options))


def stage_of(codes: CodeReader, *triggers: Trigger) -> PartStage:
    """Parts of 0.3 s, with ten frames per second."""
    book = PartBook("main")
    rules = TriggerRules(0.3, None, 1.0)
    grouping = TriggerGrouping(book, "run", rules, live=False, triggers=triggers)
    joiner = PartJoiner(("main",), PartRule("any"), timeout_s=1.0)
    return PartStage("main", grouping, book, joiner, live=False, codes=codes)


def run_pictures(
    codes: CodeReader, pictures: Sequence[Image], trace: TraceFields | None = None
) -> tuple[Seen, list[TraceFields]]:
    """One part A over all pictures. Returns also the trace fields of each frame."""
    stage = stage_of(codes, Trigger(0.0, "A", trace or TraceFields()))
    traces: list[TraceFields] = []
    see_frame = stage.see

    def note(item: Any) -> Any:
        after, events = see_frame(item)
        traces.append(after.trace)
        return after, events

    stage.see = note  # type: ignore[method-assign]
    seen = run_stage(stage, [see(n, image=image) for n, image in enumerate(pictures)])
    return seen, traces


@pytest.mark.parametrize("code", ["DataMatrix", "QRCode"])
def test_a_code_fills_the_serial_from_the_frame_on_that_shows_it(code: str) -> None:
    blank, shown = code_picture(), code_picture("SN-0042", code=code)
    seen, traces = run_pictures(reader(), [blank, shown, blank])
    assert [trace.serial for trace in traces] == [None, "SN-0042", "SN-0042"]
    (part,) = seen.parts
    assert (part.verdict, part.cause) == ("PASS", None)
    assert part.trace == TraceFields(serial="SN-0042")


def test_a_code_can_be_the_lot() -> None:
    seen, _ = run_pictures(
        reader(fills="lot"), [code_picture("L7")], TraceFields(serial="S1", operator="Anna")
    )
    assert seen.parts[0].trace == TraceFields(serial="S1", lot="L7", operator="Anna")


def test_a_part_without_a_code_is_an_error() -> None:
    seen, _ = run_pictures(reader(), [code_picture(), code_picture()])
    (part,) = seen.parts
    assert (part.verdict, part.cause) == ("ERROR", "code")
    assert part.error == "main: it has no code that can be read"


def test_a_part_without_a_code_can_be_a_warning_or_nothing() -> None:
    codes = reader(missing="warn")
    with warnings_of() as lines:
        seen, _ = run_pictures(codes, [code_picture()])
    assert seen.parts[0].verdict == "PASS"
    assert any("part A: it has no code that can be read" in line for line in lines)
    assert codes.unread == 1
    seen, _ = run_pictures(reader(missing="ignore"), [code_picture()])
    assert seen.parts[0].verdict == "PASS"


def test_a_code_that_differs_from_the_trigger_is_an_error() -> None:
    seen, _ = run_pictures(
        reader(missing="ignore"), [code_picture("SN-2")], TraceFields(serial="SN-1")
    )
    (part,) = seen.parts
    assert (part.verdict, part.cause) == ("ERROR", "code")
    assert part.error == "main: its code is SN-2, but its serial is SN-1"
    assert part.trace.serial == "SN-1"


@pytest.mark.parametrize(
    "picture",
    [
        lambda: code_picture("AB", "CD"),  # which of them is it?
        lambda: code_picture("SN-1", inverted=True),
        lambda: code_picture("SN-1", code="Code128"),
    ],
)
def test_a_code_that_cannot_be_used_is_not_read(picture: Any) -> None:
    assert reader().read(picture()) is None


def test_other_codes_are_read_if_they_are_asked_for() -> None:
    assert reader(inverted=True).read(code_picture("SN-1", inverted=True)) == "SN-1"
    assert reader(formats=("Code128",)).read(code_picture("SN-1", code="Code128")) == "SN-1"


def test_only_the_region_is_read() -> None:
    codes = CodeReader(CodeOptions(enabled=True, region=(0.8, 0.8, 1.0, 1.0)))
    assert codes.read(code_picture("SN-1")) is None
    tiny = CodeReader(CodeOptions(enabled=True, region=(0.5, 0.5, 0.5001, 0.5001)))
    assert tiny.read(code_picture("SN-1")) is None


def test_it_looks_only_until_it_has_the_code_and_not_too_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[Image] = []
    read = CodeReader.read

    def count(codes: CodeReader, image: Image) -> str | None:
        calls.append(image)
        return read(codes, image)

    monkeypatch.setattr(CodeReader, "read", count)
    run_pictures(reader(), [code_picture(), code_picture("SN-1"), code_picture("SN-1")])
    assert len(calls) == 2
    calls.clear()
    run_pictures(reader(tries=2), [code_picture()] * 3)
    assert len(calls) == 2


def test_a_picture_that_does_not_show_the_scene_is_not_read() -> None:
    shown = code_picture("SN-OLD")
    stage = stage_of(reader(), Trigger(0.0, "A"))
    stale = see(0, "E", cause=Cause.STALE)
    after, _ = stage.see(stale)
    assert after.trace.serial is None
    assert stage.see(see(1, image=shown))[0].trace.serial == "SN-OLD"


def test_unknown_formats_and_missing_keys_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"codes\.formats: .*DataMatrx"):
        reader(formats=("DataMatrx",))
    with pytest.raises(ConfigError, match=r"codes\.enabled needs parts\.enabled"):
        check_codes(CodeOptions(enabled=True, region=REGION), parts=False)
    for region in (None, (0.5, 0.1, 0.5, 0.9)):
        with pytest.raises(ConfigError, match=r"codes\.region must be"):
            check_codes(CodeOptions(enabled=True, region=region), parts=True)
