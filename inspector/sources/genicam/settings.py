"""Writes the settings of a GenICam camera and reads them back."""

from collections.abc import Callable, Container, Iterator
from functools import partial
from typing import Any, Final

from loguru import logger

from inspector.core.errors import SourceError
from inspector.sources.genicam.aravis import load_aravis, named_errors
from inspector.sources.genicam.features import check_bounds, is_same, read_feature, write_feature
from inspector.sources.genicam.pixels import find_format, list_formats
from inspector.sources.options import GenicamOptions

SOFTWARE: Final = "Software"
"""Trigger source of a camera that waits for fire()."""

_LOCK: Final = "TLParamsLocked"
"""While it is 1, the camera refuses changes of size and pixel format."""

_AUTOMATIC: Final = ("ExposureAuto", "GainAuto", "BalanceWhiteAuto")


def write_settings(camera: Any, options: GenicamOptions) -> dict[str, Any]:
    """Writes the settings, each before those that depend on it. Returns what the camera then has.

    All values are read after the last one was written, because one can change another. Raises
    SourceError for a setting that the camera lacks or did not take.
    """
    _lock(camera, False)
    written = dict(_write(camera, options))
    actual = _read(camera, options, written)
    for key, value in written.items():
        if not is_same(value, actual[key]):
            raise SourceError(
                f"source.{key}: the camera did not take {_text(value)}; it has {_text(actual[key])}"
            )
        if value != actual[key] and isinstance(actual[key], float):
            logger.info("source.{}: {} became {}", key, value, actual[key])
    _check_format(camera)
    _check_size(actual["region"], options.max_pixels)
    return {key.removeprefix("camera."): value for key, value in actual.items()}


def lock_settings(camera: Any) -> None:
    """Called when everything is written: the camera refuses changes until it is opened again."""
    _lock(camera, True)


def trigger_source(options: GenicamOptions) -> str | None:
    """The source of the trigger in GenICam; None for a camera that runs freely."""
    trigger = options.camera.trigger
    if trigger is None or trigger.casefold() != SOFTWARE.casefold():
        return trigger
    return SOFTWARE


def _write(camera: Any, options: GenicamOptions) -> Iterator[tuple[str, Any]]:
    """Yields each key with its value."""
    settings, device = options.camera, camera.get_device()
    for name, value in settings.features.items():
        with named_errors(f"source.camera.features.{name}"):
            write_feature(device, name, value)
        yield f"camera.features.{name}", value
    if settings.pixel_format is not None:
        with named_errors("source.camera.pixel_format"):
            write_feature(device, "PixelFormat", settings.pixel_format)
        yield "camera.pixel_format", settings.pixel_format
    if options.frame_hw is not None or settings.offset is not None:
        with named_errors("source.frame_size"):
            region = _write_region(camera, options)
        yield "region", region
    automatic = set(_AUTOMATIC if settings.manual else ())
    automatic |= {"ExposureAuto"} if settings.exposure_us is not None else set()
    automatic |= {"GainAuto"} if settings.gain is not None else set()
    for name in sorted(automatic):
        if camera.is_feature_available(name):
            with named_errors("source.camera.manual"):
                write_feature(device, name, "Off")
            yield f"camera.features.{name}", "Off"
    if settings.exposure_us is not None:
        with named_errors("source.camera.exposure_us"):
            check_bounds("it", settings.exposure_us, camera.get_exposure_time_bounds())
            camera.set_exposure_time(settings.exposure_us)
        yield "camera.exposure_us", settings.exposure_us
    if settings.gain is not None:
        with named_errors("source.camera.gain"):
            check_bounds("it", settings.gain, camera.get_gain_bounds())
            camera.set_gain(settings.gain)
        yield "camera.gain", settings.gain
    if options.fps is not None:
        with named_errors("source.fps"):
            camera.set_frame_rate(options.fps)
        yield "fps", options.fps
    yield from _write_trigger(camera, options)
    yield from _write_packets(camera, options)


def _write_region(camera: Any, options: GenicamOptions) -> list[int]:
    x, y = options.camera.offset or (0, 0)
    height, width = options.frame_hw or camera.get_region()[:1:-1]
    device = camera.get_device()
    has_offset = camera.is_feature_available("OffsetX")
    # The offset of before could leave too little room for the size.
    values = [("OffsetX", 0), ("OffsetY", 0)] if has_offset else []
    values += [("Width", width), ("Height", height)]
    values += [("OffsetX", x), ("OffsetY", y)] if has_offset or x or y else []
    for name, value in values:
        write_feature(device, name, value)
    return [x, y, width, height]


def _write_trigger(camera: Any, options: GenicamOptions) -> Iterator[tuple[str, Any]]:
    source = trigger_source(options)
    with named_errors("source.camera.trigger"):
        if source is None:
            camera.clear_triggers()
        else:
            camera.set_trigger(source)
    yield "camera.trigger", source


def _write_packets(camera: Any, options: GenicamOptions) -> Iterator[tuple[str, Any]]:
    size, delay = options.camera.packet_bytes, options.camera.packet_delay_ns
    if not camera.is_gv_device():
        if size is not None or delay is not None:
            raise SourceError(
                "source.camera.packet_bytes and packet_delay_ns: only cameras with GigE Vision "
                "send packets"
            )
        return
    # Not later by create_stream, because then it could not be read back.
    camera.gv_set_packet_size_adjustment(load_aravis().GvPacketSizeAdjustment.NEVER)
    if size is None:
        with named_errors("negotiating the size of packets"):
            camera.gv_auto_packet_size()
    else:
        with named_errors("source.camera.packet_bytes"):
            camera.gv_set_packet_size(size)
        yield "camera.packet_bytes", size
    if delay is not None:
        with named_errors("source.camera.packet_delay_ns"):
            camera.gv_set_packet_delay(delay)
        yield "camera.packet_delay_ns", delay


def _read(camera: Any, options: GenicamOptions, written: Container[str]) -> dict[str, Any]:
    """Also what was not written, if the camera has it."""
    device = camera.get_device()
    readers: dict[str, Callable[[], Any]] = {
        "vendor": camera.get_vendor_name,
        "model": camera.get_model_name,
        "serial": camera.get_device_serial_number,
        "region": lambda: list(camera.get_region()),
        "camera.pixel_format": camera.get_pixel_format_as_string,
        "camera.exposure_us": camera.get_exposure_time,
        "camera.gain": camera.get_gain,
        "fps": camera.get_frame_rate,
        "camera.trigger": lambda: _read_trigger(camera, options),
    }
    if camera.is_gv_device():
        readers["camera.packet_bytes"] = camera.gv_get_packet_size
        readers["camera.packet_delay_ns"] = camera.gv_get_packet_delay
    for name in (*options.camera.features, *_AUTOMATIC):
        readers[f"camera.features.{name}"] = partial(read_feature, device, name)
    values: dict[str, Any] = {
        "camera.clock": options.camera.clock,
        "camera.buffers": options.camera.buffers,
    }
    for key, read in readers.items():
        try:
            with named_errors(f"source.{key}"):
                values[key] = read()
        except SourceError as exc:
            if key in written or key == "region":
                raise
            logger.debug("{}", exc)
    return values


def _read_trigger(camera: Any, options: GenicamOptions) -> str | None:
    if options.camera.trigger is None or read_feature(camera.get_device(), "TriggerMode") != "On":
        return None
    return str(camera.get_trigger_source())


def _check_format(camera: Any) -> None:
    if find_format(camera.get_pixel_format()) is None:
        raise SourceError(
            f"source.camera.pixel_format: {camera.get_pixel_format_as_string()} is not supported; "
            f"set one of {', '.join(list_formats())}"
        )


def _check_size(region: list[int], max_pixels: int) -> None:
    width, height = region[2:]
    if width * height > max_pixels:
        raise SourceError(
            f"the camera sends {width}x{height} pixels, more than source.max_pixels ({max_pixels})"
        )


def _lock(camera: Any, locked: bool) -> None:
    device = camera.get_device()
    if camera.is_feature_available(_LOCK):
        with named_errors("source.camera"):
            device.set_integer_feature_value(_LOCK, int(locked))
            if device.get_integer_feature_value(_LOCK) != int(locked):
                raise SourceError(f"the camera did not take {_LOCK} {int(locked)}")


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
