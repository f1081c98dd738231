"""Gaps in the numbers of the frames of a camera."""

import pytest

from inspector.sources.genicam.frame_ids import FrameIds


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [
        ([1, 2, 3], 0),
        ([7, 8, 12], 3),
        ([65534, 65535, 1, 2], 0),
        ([65534, 65535, 0, 1], 0),
        ([65533, 65535, 3], 1 + 2),
        ([65530, 5], 9),
        ([65535, 65536, 65540], 3),
        ([1 << 40, (1 << 40) + 2], 1),
        ([500, 1, 2], 0),
        ([500, 500, 501], 0),
        ([9], 0),
        ([None, 9, None, 11], 0),
        ([9, None, None, 15, None], 3),
    ],
    ids=str,
)
def test_the_frames_between_two_numbers_are_missing(
    numbers: list[int | None], missing: int
) -> None:
    ids = FrameIds()
    assert sum(ids.count_gap(number) for number in numbers) == missing
