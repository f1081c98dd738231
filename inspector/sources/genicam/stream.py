"""Grabs the pictures of one connection to a GenICam camera until the camera is lost."""

import time
from collections import Counter
from threading import Event
from typing import Any, Final

from loguru import logger

from inspector.core.arrays import Image
from inspector.core.clock import ms_since, now_ns
from inspector.core.errors import DataError, SourceError, SourceLost
from inspector.sources.genicam.aravis import load_aravis, named_errors, open_camera
from inspector.sources.genicam.clock import CameraClock
from inspector.sources.genicam.frame_ids import FrameIds
from inspector.sources.genicam.pixels import find_format, to_bgr
from inspector.sources.genicam.settings import lock_settings, write_settings
from inspector.sources.live import Grab
from inspector.sources.options import GenicamOptions

_SLICE_US: Final = 200_000
"""Interval at which a waiting grab() checks whether it must end."""

_OLDEST_NS: Final = 3600 * 10**9
"""A picture cannot wait longer in the memory of Aravis."""

_SOCKET_PICTURES: Final = 4

_STATISTICS: Final = (
    "n_completed_buffers",
    "n_failures",
    "n_underruns",
    "n_timeouts",
    "n_aborted",
    "n_missing_frames",
    "n_received_packets",
    "n_missing_packets",
    "n_error_packets",
    "n_resend_requests",
    "n_resent_packets",
    "n_duplicated_packets",
)
"""Counters of Aravis that are summed over all connections. A camera without packets has a part."""

WIRE: Final = "wire"
NO_BUFFER: Final = "no_buffer"


class Losses:
    """What all connections of a source lost. missing: frames that never became a picture, by cause:
    `wire` (lost between camera and machine) or `no_buffer` (the machine had no free memory for
    them). statistics: counters of Aravis, such as n_missing_packets."""

    def __init__(self) -> None:
        self.missing: Counter[str] = Counter()
        self.statistics: Counter[str] = Counter()


class GenicamConnection:
    """An open camera that sends pictures.

    closing: set when it must end. Raises SourceError if the camera cannot be opened or does not
    take a setting, and ConfigError without Aravis. name: for messages. camera_name: see
    open_camera. settings: as they were read back.
    """

    def __init__(
        self,
        name: str,
        camera_name: str,
        options: GenicamOptions,
        closing: Event,
        losses: Losses,
    ) -> None:
        self._name, self._options = name, options
        self._closing, self._losses = closing, losses
        self._ids, self._clock = FrameIds(), CameraClock()
        self._underruns: int | None = None
        self._gone = Event()
        camera = open_camera(camera_name)
        with named_errors(name):
            self.settings = write_settings(camera, options)
            self._stream = self._start(camera)
        self._camera: Any = camera
        self._handler = camera.get_device().connect("control-lost", lambda _: self._gone.set())

    @property
    def frame_hw(self) -> tuple[int, int]:
        _, _, width, height = self.settings["region"]
        return height, width

    @property
    def fps(self) -> float | None:
        """None if the camera waits for a trigger."""
        return None if self._options.camera.trigger is not None else self.settings.get("fps")

    def _start(self, camera: Any) -> Any:
        aravis = load_aravis()
        camera.set_acquisition_mode(aravis.AcquisitionMode.CONTINUOUS)
        stream = camera.create_stream(None, None)
        payload = camera.get_payload()
        if camera.is_gv_device():
            # The kernel holds packets while the thread of Aravis is busy; its default is one small
            # picture. Root, and programs with CAP_NET_RAW, get the packets in another way.
            stream.set_property("socket-buffer-size", min(_SOCKET_PICTURES * payload, 1 << 30))
        for _ in range(self._options.camera.buffers):
            stream.push_buffer(aravis.Buffer.new_allocate(payload))
        lock_settings(camera)
        camera.start_acquisition()
        return stream

    def fire(self) -> None:
        """Makes the camera take one picture now. Raises SourceError."""
        camera = self._camera
        if camera is None or self._gone.is_set():
            raise SourceLost(f"{self._name}: the camera cannot be triggered, it is away")
        with named_errors(self._name):
            camera.software_trigger()

    def grab(self) -> Grab | None:
        started_ns = now_ns()
        while not self._closing.is_set():
            buffer = self._stream.timeout_pop_buffer(_SLICE_US)
            if buffer is not None:
                grab = self._read(buffer)
                self._stream.push_buffer(buffer)
                if grab is not None:
                    return grab
            if self._gone.is_set():
                raise SourceLost(f"{self._name}: the camera does not answer any more")
            silent_s = ms_since(started_ns) / 1e3
            if self._options.camera.trigger is None and silent_s > self._options.read_timeout_s:
                raise SourceLost(f"{self._name} gave no frame in {silent_s:.1f} s")
        return None

    def close(self) -> None:
        camera, stream = self._camera, self._stream
        camera.get_device().disconnect(self._handler)
        if not self._gone.is_set():
            try:
                with named_errors(self._name):
                    camera.stop_acquisition()
            except SourceError as exc:
                logger.warning("{}", exc)
        for statistic in _STATISTICS:
            self._losses.statistics[statistic] += stream.get_info_uint64_by_name(statistic)
        # Aravis gives the control of the camera back when nothing refers to it any more.
        self._camera = self._stream = None

    def _read(self, buffer: Any) -> Grab | None:
        """None for a buffer without a picture: a late packet of the negotiation of sizes."""
        status, states = buffer.get_status(), load_aravis().BufferStatus
        if status == states.CLEARED:
            return None
        self._count_missing(buffer.get_frame_id())
        arrival_ns = _arrival_ns(buffer)
        captured_ns = arrival_ns
        if self._options.camera.clock == "camera":
            captured_ns = self._clock.captured_ns(buffer.get_timestamp(), arrival_ns)
        if status != states.SUCCESS:
            # No image: the memory of the lost packets still shows an earlier frame.
            reason = status.value_nick.replace("-", " ")
            return Grab(None, f"the picture is incomplete: {reason}", captured_ns=captured_ns)
        try:
            return Grab(self._convert(buffer), captured_ns=captured_ns)
        except DataError as exc:
            return Grab(None, f"the picture {exc}", captured_ns=captured_ns)

    def _convert(self, buffer: Any) -> Image:
        """Raises DataError for a picture that cannot be converted."""
        code = buffer.get_image_pixel_format()
        pixel_format = find_format(code)
        if pixel_format is None:
            raise DataError(f"has the pixel format {code:#010x}, which is not supported")
        frame_hw = buffer.get_image_height(), buffer.get_image_width()
        padding, _ = buffer.get_image_padding()
        depth = self._options.bit_depth
        return to_bgr(buffer.get_data(), pixel_format, frame_hw, padding=padding, bit_depth=depth)

    def _count_missing(self, frame_id: int) -> None:
        gap = self._ids.count_gap(frame_id)
        if gap == 0 and self._underruns is not None:
            return
        underruns = self._stream.get_info_uint64_by_name("n_underruns")
        if self._underruns is None:  # what came before the first picture
            self._underruns = underruns
            return
        cause = NO_BUFFER if underruns > self._underruns else WIRE
        self._underruns = underruns
        self._losses.missing[cause] += gap
        logger.warning("{}: {} frames are missing ({})", self._name, gap, cause)


def _arrival_ns(buffer: Any) -> int:
    """Monotonic time at which the first packet of the picture arrived. Aravis gives it on the wall
    clock, which may be set meanwhile; then it is the time of now."""
    age_ns = time.time_ns() - buffer.get_system_timestamp()
    return now_ns() - (age_ns if 0 <= age_ns < _OLDEST_NS else 0)
