"""Tests of parts in a zone: presence against the empty scene, hysteresis, drops and gaps."""

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from part_scenes import Seen, make_stage, run_stage, see

from inspector.core.arrays import Image
from inspector.core.types import Cause, Inspection
from inspector.parts.book import PartBook
from inspector.parts.grouping import ZoneGrouping
from inspector.parts.presence import ZonePresence

HW = (120, 320)
MIDDLE = (0.4, 0.0, 0.6, 1.0)
SPEED = 8.0  # px per frame


def belt(shift: float, seed: int, light: float = 1.0) -> Image:
    """A belt with a coarse texture that moves, and noise of the camera."""
    texture = np.random.default_rng(0).normal(0, 8, (HW[0] // 4, 100))
    texture = cv2.resize(texture, (400, HW[0]), interpolation=cv2.INTER_CUBIC)
    picture = 120 + np.roll(texture, round(shift), axis=1)[:, : HW[1]]
    noise = np.random.default_rng(seed).normal(0, 4, (*HW, 3))
    return np.clip(light * picture[..., None] + noise, 0, 255).astype(np.uint8)


def parts_on_belt(
    frame: int, starts: Sequence[float], colour: tuple[int, int, int], light: float = 1.0
) -> Image:
    """Discs of 70 px that enter on the left. starts: of each disc, in px at frame 0."""
    picture = belt(SPEED * frame, frame, light)
    for start in starts:
        shown = tuple(light * c for c in colour)
        cv2.circle(picture, (round(start + SPEED * frame), 60), 35, shown, -1, cv2.LINE_AA)
    return picture


def presence(empty: Image | None = None, zone: tuple[float, ...] = MIDDLE) -> ZonePresence:
    return ZonePresence(zone, min_difference=20.0, min_share=0.1, empty=empty)  # type: ignore[arg-type]


def run_zone(
    frames: Sequence[Inspection], *, empty: Image | None = None, expected: int | None = None
) -> Seen:
    def make(book: PartBook) -> ZoneGrouping:
        return ZoneGrouping(book, "run", presence(empty), expected)

    return run_stage(make_stage(make), frames)


@pytest.mark.parametrize("colour", [(220, 220, 220), (40, 60, 30), (120, 120, 190)])
def test_each_disc_on_a_moving_belt_is_one_part(colour: tuple[int, int, int]) -> None:
    starts = [-60.0 - 150.0 * n for n in range(8)]
    frames = [see(n, image=parts_on_belt(n, starts, colour)) for n in range(190)]
    seen = run_zone(frames)
    assert len(seen.parts) == 8
    middles = [(160 - start) / SPEED for start in starts]
    for part, middle in zip(seen.parts, middles, strict=True):
        assert part.first_frame_id is not None
        assert part.last_frame_id is not None
        assert part.first_frame_id < middle < part.last_frame_id
        assert part.frames == part.last_frame_id - part.first_frame_id + 1
        assert seen.labels[part.first_frame_id : part.last_frame_id + 1] == (
            [part.part_id] * part.frames
        )
    assert seen.ledger.gap_count == 0


def test_an_empty_belt_has_no_part_while_the_light_drifts() -> None:
    frames = [see(n, image=belt(SPEED * n, n, light=1 - n / 1000)) for n in range(500)]
    assert run_zone(frames).parts == []


def test_the_automatic_exposure_makes_no_part() -> None:
    """A bright part lets the camera darken the picture by 15 %, and the light comes back later."""
    light = [1.0] * 15 + [1.0 - 0.03 * n for n in range(6)] + [0.85] * 30
    light += [0.85 + 0.01 * n for n in range(16)]
    frames = [
        see(n, image=parts_on_belt(n, [40.0], (230, 230, 230), share))
        for n, share in enumerate(light)
    ]
    assert len(run_zone(frames, empty=belt(0, 999)).parts) == 1


def test_a_part_that_stops_in_the_zone_stays_one_part() -> None:
    picture = parts_on_belt(0, [160.0], (230, 230, 230))
    frames = [see(n, image=belt(0, n)) for n in range(5)]
    frames += [see(n, image=picture) for n in range(5, 400)]
    frames += [see(n, image=belt(0, n)) for n in range(400, 405)]
    (part,) = run_zone(frames).parts
    assert (part.first_frame_id, part.last_frame_id) == (5, 399)


def test_a_difference_at_the_limit_does_not_make_two_parts() -> None:
    """The share falls below the limit for entering, but not below half of it."""
    frames = []
    for number, height in enumerate([0, 0, 14, 10, 14, 9, 13, 0, 0]):
        picture = np.full((*HW, 3), 100, np.uint8)
        picture[:height, 128:192] = 200
        frames.append(see(number, image=picture))
    (part,) = run_zone(frames).parts
    assert (part.first_frame_id, part.last_frame_id) == (2, 6)


def test_the_reference_picture_works_when_the_run_starts_with_a_part() -> None:
    starts = [160.0, 10.0]
    frames = [see(n, image=parts_on_belt(n, starts, (230, 230, 230))) for n in range(60)]
    assert len(run_zone(frames, empty=belt(0, 999)).parts) == 2


def test_what_is_outside_the_zone_is_no_part() -> None:
    frames = [see(n, "F", image=parts_on_belt(0, [40.0], (240, 240, 240))) for n in range(1, 9)]
    assert run_zone([see(0, image=belt(0, 0)), *frames]).parts == []


SCENE = {" ": np.full((*HW, 3), 90, np.uint8), "#": np.full((*HW, 3), 200, np.uint8)}


def scene(words: str) -> list[Inspection]:
    """Space: empty. P, F: a part, PASS or FAIL. N: a part, ERROR by the engine. E: ERROR without a
    picture. D: a dark picture, ERROR by health. W: the empty scene, ERROR by health. A dot:
    dropped."""
    dark = np.zeros((*HW, 3), np.uint8)
    frames = []
    for number, word in enumerate(words):
        if word == "N":
            frames.append(see(number, "E", image=SCENE["#"], cause=Cause.NOT_FINITE))
        elif word == "D":
            frames.append(see(number, "E", image=dark, cause=Cause.HEALTH))
        elif word == "W":
            frames.append(see(number, "E", image=SCENE[" "], cause=Cause.HEALTH))
        elif word != ".":
            image = SCENE[" " if word == " " else "#"]
            frames.append(see(number, "P" if word == " " else word, image=image))
    return frames


@pytest.mark.parametrize(
    ("words", "verdicts", "causes", "gaps"),
    [
        ("  PP  PF  ", ["PASS", "FAIL"], [None, None], 0),
        ("  PPPP", ["PASS"], [None], 0),
        ("  PEP  ", ["ERROR"], ["decode"], 1),
        ("  PEF  ", ["FAIL"], [None], 1),
        ("  PN  ", ["ERROR"], ["not_finite"], 0),
        ("  NN  PP ", ["ERROR", "PASS"], ["not_finite", None], 0),
        ("  PDP  ", ["ERROR"], ["health"], 0),
        ("  PWP  ", ["PASS", "PASS"], [None, None], 0),
        ("  DDD  ", ["ERROR"], ["health"], 0),
        ("  P.P  ", ["PASS"], [None], 1),
        ("  P..  P ", ["PASS", "PASS"], [None, None], 1),
        ("  ....  ", [], [], 1),
        ("  EEEE", [], [], 1),
    ],
)
def test_error_frames_and_drops(
    words: str, verdicts: list[str], causes: list[str | None], gaps: int
) -> None:
    seen = run_zone(scene(words), empty=SCENE[" "])
    assert (seen.verdicts, seen.causes) == (verdicts, causes)
    assert seen.ledger.gap_count == gaps
    assert len(seen.ledger.gaps) == gaps


def test_drops_within_a_part_are_counted() -> None:
    (part,) = run_zone(scene("  P..PP  "), empty=SCENE[" "]).parts
    assert (part.frames, part.frames_dropped) == (3, 2)


def test_a_part_with_fewer_frames_than_required_is_incomplete() -> None:
    seen = run_zone(scene("  PPP  PP  F  "), empty=SCENE[" "], expected=3)
    assert seen.causes == [None, "incomplete", None]
    assert seen.verdicts == ["PASS", "ERROR", "FAIL"]


@pytest.mark.parametrize(
    ("gap_frames", "spans"), [(1, [(2, 3), (5, 5), (8, 8)]), (2, [(2, 5), (8, 8)]), (3, [(2, 8)])]
)
def test_a_part_with_a_hole_is_one_part(gap_frames: int, spans: list[tuple[int, int]]) -> None:
    def make(book: PartBook) -> ZoneGrouping:
        return ZoneGrouping(book, "run", presence(SCENE[" "]), None, gap_frames)

    words = "  PP P  P   "
    seen = run_stage(make_stage(make), scene(words))
    assert [(p.first_frame_id, p.last_frame_id) for p in seen.parts] == spans
    assert sum(p.frames for p in seen.parts) == 4
    assert [label is not None for label in seen.labels] == [word == "P" for word in words]


@pytest.mark.parametrize(
    "zone", [(0.0, 0.0, 1.0, 1.0), (0.5, 0.5, 0.501, 0.501), (0.99, 0.9, 1, 1)]
)
def test_every_zone_has_pixels(zone: tuple[float, float, float, float]) -> None:
    sees = presence(SCENE[" "], zone)
    assert [sees.see(SCENE[word]) for word in " #  # "] == [word == "#" for word in " #  # "]


@pytest.mark.parametrize("frame", [17, 20, 25])
def test_a_part_that_a_change_of_a_line_cuts_never_passes(frame: int) -> None:
    def make(book: PartBook) -> ZoneGrouping:
        return ZoneGrouping(book, "run", presence(belt(0.0, 1)), None)

    frames = [see(n, image=parts_on_belt(n, [0.0, -300.0], (220, 220, 220))) for n in range(80)]
    before = run_stage(make_stage(make), frames[:frame], complete=False)
    after = run_stage(make_stage(make, continues=True), frames[frame:], captured=80)
    assert (before.verdicts, before.causes) == (["ERROR"], ["incomplete"])
    assert (after.verdicts, after.causes) == (["ERROR", "PASS"], ["incomplete", None])


def test_a_part_that_is_in_the_zone_at_a_stop_is_not_a_pass() -> None:
    def make(book: PartBook) -> ZoneGrouping:
        return ZoneGrouping(book, "run", presence(SCENE[" "]), None)

    stopped = run_stage(make_stage(make), scene(" PP  PP"), complete=False)
    assert stopped.causes == [None, "incomplete"]
    ended = run_stage(make_stage(make), scene(" PP  PP"))
    assert ended.causes == [None, None]


def test_a_change_between_two_parts_cuts_none() -> None:
    def make(book: PartBook) -> ZoneGrouping:
        return ZoneGrouping(book, "run", presence(belt(0.0, 1)), None)

    frames = [see(n, image=parts_on_belt(n, [0.0, -300.0], (220, 220, 220))) for n in range(80)]
    before = run_stage(make_stage(make), frames[:40], complete=False)
    after = run_stage(make_stage(make, continues=True), frames[40:], captured=80)
    assert before.verdicts == after.verdicts == ["PASS"]


@pytest.mark.parametrize(
    ("before", "after", "causes"),
    [
        ("  PPP ", "P   PP   ", ["incomplete", "incomplete", None]),
        ("  PPP ", " P   PP   ", ["incomplete", "incomplete", None]),
        ("  PPP", "EPP   PP   ", ["incomplete", "incomplete", None]),
        ("  PPP", "E  P   PP   ", ["incomplete", "incomplete", None]),
        ("  PPP   ", "   PPP   ", [None, None]),
    ],
)
@pytest.mark.parametrize("expected", [None, 1])
def test_a_change_in_a_hole_or_before_a_damaged_frame_cuts_the_part(
    before: str, after: str, causes: list[str | None], expected: int | None
) -> None:
    def make(book: PartBook) -> ZoneGrouping:
        return ZoneGrouping(book, "run", presence(SCENE[" "]), expected, 3)

    first = run_stage(make_stage(make), scene(before), complete=False)
    second = run_stage(make_stage(make, continues=True), scene(after))
    assert first.causes + second.causes == causes
