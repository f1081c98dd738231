"""Tests of the motion from received positions, its record, and the settings of the receivers."""

import gc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from output_parts import FlatPicture, inspection, run_info

from inspector.connections.modbus import join_words
from inspector.core.arrays import freeze
from inspector.core.errors import ConfigError
from inspector.core.types import Frame
from inspector.outputs.encoder_file import EncoderFileSink
from inspector.tracking.feed_motion import FeedMotion
from inspector.tracking.feed_options import ModbusOptions, MqttOptions
from inspector.tracking.modbus_feed import Counter
from inspector.tracking.motion import Motion, MotionState, read_encoder
from inspector.tracking.motion_sources import make_motion
from inspector.tracking.mqtt_feed import read_value
from inspector.tracking.options import TrackingOptions, check_options
from inspector.tracking.positions import Positions

KNOWN, ASSUMED, UNKNOWN = MotionState.KNOWN, MotionState.ASSUMED, MotionState.UNKNOWN
IMAGE = freeze(np.zeros((4, 4, 3), np.uint8))


class ScriptedFeed:
    name = "scripted"
    measures_speed = False
    is_absolute = True

    def __init__(self) -> None:
        self.positions = Positions(max_age_s=0.5, max_speed=1000.0)
        self.stopped = False

    def stop(self) -> None:
        self.stopped = True


def frame(number: int, time_s: float) -> Frame:
    return Frame(number, "cam", IMAGE, round(time_s * 1e9), None, "utc")


def run(
    values: list[tuple[float, float]], times: list[float], **changes: object
) -> tuple[list[Motion], list[tuple[object, ...]]]:
    """The motions of frames at `times`, with all values received before."""
    feed = ScriptedFeed()
    for time_s, position in values:
        feed.positions.add(time_s, position)
    motion = FeedMotion(feed)
    rows: list[tuple[object, ...]] = []
    motion.record = lambda *row: rows.append(row)
    return [motion.step(frame(n, t), usable=True) for n, t in enumerate(times)], rows


STEADY = [(100 + n / 10, n * 10.0) for n in range(60)]
STALLED = [value for value in STEADY if not 101.5 < value[0] < 103.5]
TIMES = [100.05 + n * 0.2 for n in range(28)]


def test_the_motion_of_a_frame_is_that_since_the_frame_before() -> None:
    motions, rows = run(STEADY, TIMES)
    assert [m.state for m in motions] == [KNOWN] * len(TIMES)
    assert motions[0].along == 0
    assert [m.along for m in motions[1:]] == pytest.approx([20.0] * 27, abs=1e-5)
    assert all(0 < m.u < 2 for m in motions[1:])
    assert [row[0] for row in rows] == list(range(28))


def test_the_received_position_is_given_if_it_goes_on_after_a_restart() -> None:
    feed = ScriptedFeed()
    for time_s, position in STEADY:
        feed.positions.add(time_s, 5000 + position)
    motion = FeedMotion(feed)
    motion.step(frame(0, 101.05), usable=True)
    assert motion.encoder_mm == pytest.approx(5105)
    motion.step(frame(1, 200.0), usable=True)
    assert motion.encoder_mm is None
    feed.is_absolute = False
    motion.step(frame(2, 101.05), usable=True)
    assert motion.encoder_mm is None


def test_a_line_that_stops_and_runs_back_is_followed() -> None:
    values = [*STEADY[:20], *((102 + n / 10, 190 - n * 10.0) for n in range(10))]
    motions, _ = run(values, [100.5, 101.5, 102.2, 102.8])
    assert [m.along for m in motions] == pytest.approx([0, 100, 20, -60], abs=1e-5)


def test_in_a_stall_the_motion_is_unknown_and_the_whole_way_is_right() -> None:
    motions, _ = run(STALLED, TIMES)
    states = [m.state for m in motions]
    first, last = states.index(UNKNOWN), len(states) - states[::-1].index(UNKNOWN)
    assert TIMES[first] == pytest.approx(101.65)
    assert TIMES[last - 1] == pytest.approx(103.65)  # the first frame with a position again
    assert states == [KNOWN] * first + [UNKNOWN] * (last - first) + [KNOWN] * (28 - last)
    whole = sum(m.along for m in motions)
    assert whole == pytest.approx((TIMES[-1] - TIMES[0]) * 100, abs=1e-3)
    assert all(m.along > 0 for m in motions if m.state is UNKNOWN)


def test_after_a_reset_the_old_position_is_not_used() -> None:
    values = [*STEADY[:30], *((103 + n / 10, 1e6 + n * 10.0) for n in range(30))]
    motions, _ = run(values, TIMES)
    unknown = [n for n, m in enumerate(motions) if m.state is UNKNOWN]
    assert 1 <= len(unknown) <= 2
    assert max(abs(m.along) for m in motions) < 50


def test_without_any_value_nothing_is_known() -> None:
    motions, _ = run([], TIMES[:4])
    assert [m.state for m in motions] == [KNOWN, UNKNOWN, UNKNOWN, UNKNOWN]
    assert [m.along for m in motions] == [0, 0, 0, 0]


def test_a_position_that_is_continued_is_assumed() -> None:
    motions, _ = run(STEADY[:20], [101.5, 101.85, 102.2, 102.5])
    assert [m.state for m in motions] == [KNOWN, KNOWN, ASSUMED, UNKNOWN]
    assert motions[2].along == pytest.approx(35, abs=1e-5)
    assert motions[2].u > motions[1].u


@pytest.mark.parametrize("values", [STEADY, STALLED, STEADY[:20], []])
@pytest.mark.parametrize("live", [True, False])
def test_the_recorded_file_gives_the_same_motions(
    values: list[tuple[float, float]], live: bool, tmp_path: Path
) -> None:
    motions, rows = run(values, TIMES)
    sink = EncoderFileSink(tmp_path / "encoder.csv")
    sink.open(run_info())
    for number, row in enumerate(rows):
        sink.add_row(*row)  # type: ignore[arg-type]
        sink.write(inspection(number), FlatPicture())
    sink.close()
    encoder = read_encoder(tmp_path / "encoder.csv", live=live)
    again = []
    for number, time_s in enumerate(TIMES):
        seconds = time_s - TIMES[0]
        item = frame(number, time_s if live else 0.0)
        again.append(encoder.step(replace(item, pts_s=round(seconds, 9)), usable=True))
    assert [m.state for m in again] == [m.state for m in motions]
    assert [m.u for m in again[1:]] == [m.u for m in motions[1:]]
    assert [m.along for m in again] == [m.along for m in motions]


def test_the_receiver_ends_with_its_motion() -> None:
    feed = ScriptedFeed()
    motion = FeedMotion(feed)
    del motion
    gc.collect()
    assert feed.stopped


@pytest.mark.parametrize(
    ("payload", "field", "value"),
    [
        (b"12.5", None, 12.5),
        (b" -3 ", None, -3),
        (b'"7.25"', None, 7.25),
        (b'{"position_mm": 4}', "position_mm", 4),
        (b'{"line": {"v": 1e3}}', "line.v", 1000),
    ],
)
def test_a_message_is_read(payload: bytes, field: str | None, value: float) -> None:
    assert read_value(payload, field) == value


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (b"", None),
        (b"fast", None),
        (b"NaN", None),
        (b"1e999", None),
        (b"true", None),
        (b"null", None),
        (b"[1, 2]", None),
        (b"9" * 400, None),
        (b"9" * 5000, None),
        (b"\xff\xfe\x00", None),
        (b"[" * 60_000, None),
        (b"1" * 100_000, None),
        (b"5", "v"),
        (b'{"w": 5}', "v"),
        (b'{"v": {"w": 5}}', "v"),
        (b'{"v": "fast"}', "v"),
        (b'[{"v": 5}]', "v"),
    ],
)
def test_rubbish_is_refused(payload: bytes, field: str | None) -> None:
    with pytest.raises(ValueError, match=r"number|finite|too large"):
        read_value(payload, field)


@pytest.mark.parametrize(
    ("words", "high_first", "value"),
    [
        ([5], True, 5),
        ([1, 2], True, 65538),
        ([2, 1], False, 65538),
        ([0xFFFF] * 2, True, 2**32 - 1),
    ],
)
def test_words_are_joined(words: list[int], high_first: bool, value: int) -> None:
    assert join_words(words, high_first=high_first) == value


@pytest.mark.parametrize("bits", [16, 32])
@pytest.mark.parametrize("step", [7, -7, 9000, -9000])
def test_a_counter_is_continued_over_its_wraps(bits: int, step: int) -> None:
    span = 2**bits
    counter = Counter(span, most_per_s=10_000)
    start, truth = span - 20_000, 0
    first, _ = counter.add(0.0, start)
    assert not counter.has_wrapped
    for number in range(1, 40):
        truth += step
        total, continued = counter.add(number, (start + truth) % span)
        assert (total - first, continued) == (truth, True)


def test_a_counter_that_has_wrapped_says_so() -> None:
    counter = Counter(2**16, most_per_s=10_000)
    for number in range(6):
        counter.add(number, number * 9000 % 2**16)
        assert counter.has_wrapped is (number * 9000 >= 2**15)


def test_after_a_long_gap_the_wraps_of_a_counter_are_not_known() -> None:
    counter = Counter(2**16, most_per_s=10_000)
    counter.add(0.0, 5)
    assert counter.add(3.0, 900)[1]
    assert not counter.add(7.0, 1000)[1]


MQTT = {"motion": "mqtt", "mqtt": MqttOptions(host="h", topic="t")}
MODBUS = {"motion": "modbus", "modbus": ModbusOptions(host="h", register=0)}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"motion": "mqtt"}, "tracking.mqtt.host is missing"),
        ({"motion": "mqtt", "mqtt": MqttOptions(host="h")}, "tracking.mqtt.topic is missing"),
        ({"motion": "modbus", "modbus": ModbusOptions(host="h")}, "modbus.register is missing"),
        ({"mqtt": MqttOptions(host="h", topic="line/#")}, "must name one topic"),
        ({"mqtt": MqttOptions(host="h", topic="")}, "must name one topic"),
        ({"mqtt": MqttOptions(host="h", topic="t", scale=0.0)}, "scale must not be 0"),
        ({"mqtt": MqttOptions(host="h", topic="t", ca_file="x")}, "ca_file is used only with"),
        ({"mqtt": MqttOptions(host="h", topic="t", password="x")}, "mqtt.user is missing"),
        (
            {"modbus": ModbusOptions(host="h", register=0, bits=16, scale=0.01)},
            "more than half the range of the counter",
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused(values: dict[str, object], message: str) -> None:
    kind = "modbus" if "modbus" in values else "mqtt"
    options = TrackingOptions(**({"motion": kind} | values))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=message):
        check_options(options, calibrated=True)


@pytest.mark.parametrize("values", [MQTT, MODBUS])
def test_a_receiver_needs_a_calibration_and_a_live_source(values: dict[str, object]) -> None:
    options = TrackingOptions(**values)  # type: ignore[arg-type]
    check_options(options, calibrated=True)
    with pytest.raises(ConfigError, match="need a calibration"):
        check_options(options, calibrated=False)
    with pytest.raises(ConfigError, match="needs a live source"):
        make_motion(options, live=False)
