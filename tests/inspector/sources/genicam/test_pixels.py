"""Every pixel format of GenICam cameras against known pictures."""

import re

import numpy as np
import pytest

from inspector.core.errors import DataError
from inspector.sources.genicam import pixels
from inspector.sources.genicam.aravis import load_aravis
from inspector.sources.genicam.pixels import PixelFormat, find_format, list_formats, to_bgr

RED, GREEN, BLUE = 200, 120, 40
CODES = {"Mono8": 0x01080001, "Mono12p": 0x010C0047, "BayerRG8": 0x01080009, "RGB8": 0x02180014}


def format_of(name: str) -> PixelFormat:
    colours = name.rstrip("Packedp").rstrip("0123456789")
    bits = int("".join(filter(str.isdigit, name)))
    packing = name.removeprefix(f"{colours}{bits}")
    return PixelFormat(name, colours, bits, packing)


def pack(values: np.ndarray, bits: int, packing: str) -> bytes:
    """Written from the tables of the two standards, one pixel after the other."""
    flat = [int(value) for value in values.ravel()]
    if not packing:
        return values.astype(np.uint8 if bits == 8 else "<u2").tobytes()
    if packing == "p":
        stream = sum(value << bits * place for place, value in enumerate(flat))
        return stream.to_bytes(-(-len(flat) * bits // 8), "little")
    data, low = bytearray(), bits - 8
    flat += [0] * (len(flat) % 2)
    for first, second in zip(flat[::2], flat[1::2], strict=True):
        rest = (1 << low) - 1
        data += bytes((first >> low, (first & rest) | (second & rest) << 4, second >> low))
    return bytes(data)


MONO = ["Mono8", "Mono10", "Mono12", "Mono14", "Mono16"]
MONO += ["Mono10p", "Mono12p", "Mono10Packed", "Mono12Packed"]


@pytest.mark.parametrize("name", MONO)
@pytest.mark.parametrize("frame_hw", [(6, 8), (3, 5), (1, 1)])
def test_grey_values_are_scaled_to_eight_bits(name: str, frame_hw: tuple[int, int]) -> None:
    pixel_format = format_of(name)
    levels = np.random.default_rng(1).integers(0, 1 << pixel_format.bits, frame_hw)
    levels.flat[0] = (1 << pixel_format.bits) - 1  # so that 16 bits are not in doubt
    data = pack(levels, pixel_format.bits, pixel_format.packing)
    assert len(data) == pixel_format.count_bytes(levels.size)
    image = to_bgr(data, pixel_format, frame_hw)
    assert (image.dtype, image.shape) == (np.uint8, (*frame_hw, 3))
    for channel in range(3):
        assert np.array_equal(image[..., channel], levels >> pixel_format.bits - 8)


BAYER = [name for name in list_formats() if name.startswith("Bayer")]


@pytest.mark.parametrize("name", BAYER)
def test_a_bayer_pattern_gives_the_colour_of_the_product(name: str) -> None:
    pixel_format = format_of(name)
    first_two = pixel_format.colours.removeprefix("Bayer")
    second_two = {"GR": "BG", "RG": "GB", "GB": "RG", "BG": "GR"}[first_two]
    level = {"R": RED, "G": GREEN, "B": BLUE}
    rows = [[level[letter] for letter in two] for two in (first_two, second_two)]
    sensor = np.tile(rows, (4, 5)) << pixel_format.bits - 8
    data = pack(sensor, pixel_format.bits, pixel_format.packing)
    depth = 16 if pixel_format.bits == 16 else None
    image = to_bgr(data, pixel_format, sensor.shape, bit_depth=depth)
    assert np.array_equal(image, np.broadcast_to((BLUE, GREEN, RED), image.shape))


def test_the_bayer_formats_have_all_patterns() -> None:
    assert {name[5:7] for name in BAYER} == {"GR", "RG", "GB", "BG"}
    assert len(BAYER) == 4 * 8  # 8, 10, 12 and 16 bits, and 10 and 12 bits packed in two ways


@pytest.mark.parametrize(
    ("name", "pixel"), [("RGB8", (RED, GREEN, BLUE)), ("BGR8", (BLUE, GREEN, RED))]
)
def test_colours_are_put_into_the_order_of_opencv(name: str, pixel: tuple[int, ...]) -> None:
    image = to_bgr(bytes(pixel) * 12, format_of(name), (3, 4))
    assert np.array_equal(image, np.broadcast_to((BLUE, GREEN, RED), (3, 4, 3)))
    assert image.flags.writeable


@pytest.mark.parametrize("name", ["Mono8", "Mono12", "Mono12p"])
def test_padding_after_each_row_is_removed(name: str) -> None:
    pixel_format = format_of(name)
    levels = np.random.default_rng(2).integers(0, 1 << pixel_format.bits, (3, 4))
    rows = [pack(row, pixel_format.bits, pixel_format.packing) + b"\xff" * 5 for row in levels]
    image = to_bgr(b"".join(rows), pixel_format, (3, 4), padding=5)
    assert np.array_equal(image[..., 0], levels >> pixel_format.bits - 8)


def test_the_depth_of_16_bits_is_that_of_the_configuration() -> None:
    levels = np.full((2, 2), 1000, np.uint16)
    image = to_bgr(levels.tobytes(), format_of("Mono16"), (2, 2), bit_depth=10)
    assert (image == 1000 >> 2).all()
    with pytest.raises(DataError, match="set its depth with source"):
        to_bgr(levels.tobytes(), format_of("Mono16"), (2, 2))


def test_values_above_the_depth_of_the_format_are_refused() -> None:
    with pytest.raises(DataError, match="does not fit into 10 bits"):
        to_bgr(np.full((2, 2), 1024, "<u2").tobytes(), format_of("Mono10"), (2, 2))


def test_too_few_bytes_are_refused() -> None:
    with pytest.raises(DataError, match="has 11 bytes, but 4x3 pixels in the format Mono8 need 12"):
        to_bgr(bytes(11), format_of("Mono8"), (3, 4))


def test_a_code_gives_the_parts_of_the_name() -> None:
    for name, code in CODES.items():
        assert find_format(code) == format_of(name)
    assert find_format(0x02180099) is None


@pytest.mark.services
def test_the_codes_of_the_formats_are_those_of_aravis():
    """Aravis has no constants for Mono10p and Mono12p."""
    aravis = load_aravis()
    compared = 0
    for code, name in pixels._CODES.items():
        colours, bits, packing = re.fullmatch(r"(\D+)(\d+)(\D*)", name).groups()
        ending = "_PACKED" if packing == "Packed" or colours in ("RGB", "BGR") else packing.upper()
        colours = colours.upper().replace("BAYER", "BAYER_")
        value = getattr(aravis, f"PIXEL_FORMAT_{colours}_{bits}{ending}", None)
        if not name.startswith("Mono1") or packing != "p":
            assert value == code, name
            compared += 1
    assert compared == len(pixels._CODES) - 2
