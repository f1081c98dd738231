"""Grabs the pictures of one connection to a GenICam camera until the camera is lost."""

import time
import traceback
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, Lock
from typing import Any, Final

from loguru import logger

from inspector.core.arrays import Image
from inspector.core.clock import ms_since, now_ns
from inspector.core.errors import DataError, SourceError, SourceLost
from inspector.sources.genicam.aravis import load_aravis, named_errors, open_camera
from inspector.sources.genicam.clock import CameraClock, FrameTimes
from inspector.sources.genicam.frame_ids import FrameIds
from inspector.sources.genicam.pixels import find_format, to_bgr
from inspector.sources.genicam.receive_memory import enlarge_memory
from inspector.sources.genicam.settings import lock_settings, write_settings
from inspector.sources.live import Grab
from inspector.sources.options import GenicamOptions

_SLICE_US: Final = 200_000
"""Interval at which a waiting grab() checks whether it must end."""

_OLDEST_NS: Final = 3600 * 10**9
"""A picture cannot wait longer in the memory of Aravis."""

_MOST_TRIGGERS: Final = 8
"""Triggers that may wait for the answer of the camera."""

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
"""Counters of Aravis that are summed over all connections. A camera without packets has some."""

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
    """An open camera. It sends pictures from the first grab() or fire() on.

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
        self._ids, self._clock, self._times = FrameIds(), CameraClock(), FrameTimes()
        self._uses_camera: bool | None = None
        self._underruns = self._starved = 0
        self._gone = Event()
        self._starting, self._started = Lock(), False
        self._firing = Lock()
        self._triggers = ThreadPoolExecutor(1, thread_name_prefix=f"trigger {name}")
        self._waiting: list[Future[None]] = []
        self._numbers: dict[Any, int] = {}
        camera = open_camera(camera_name)
        try:
            with named_errors(name):
                self.settings = write_settings(camera, options)
                self._stream = self._prepare(camera)
        except SourceError as exc:
            camera = None
            _release(exc)
            raise
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

    def _prepare(self, camera: Any) -> Any:
        """The stream, with its buffers."""
        aravis = load_aravis()
        camera.set_acquisition_mode(aravis.AcquisitionMode.CONTINUOUS)
        is_gige = camera.is_gv_device()
        if is_gige:
            # Before a packet socket has its filter, foreign packets look like parts of a picture.
            camera.gv_set_stream_options(aravis.GvStreamOption.PACKET_SOCKET_DISABLED)
        stream = camera.create_stream(None, None)
        payload = camera.get_payload()
        if is_gige:
            enlarge_memory(self._name, stream.get_port(), payload)
        for _ in range(self._options.camera.buffers):
            stream.push_buffer(aravis.Buffer.new_allocate(payload))
        lock_settings(camera)
        return stream

    def _begin(self) -> None:
        """Starts the camera at the first grab, because nobody takes its pictures before."""
        camera = self._camera
        with self._starting:
            if not self._started and camera is not None:
                with named_errors(self._name):
                    camera.start_acquisition()
                self._started = True

    def fire(self) -> None:
        """Makes the camera take one picture. Returns at once: a camera that is away lets the
        trigger wait for seconds. Raises SourceError if it is known to be away, or if earlier
        triggers still wait."""
        with self._firing:
            self._waiting = [trigger for trigger in self._waiting if not trigger.done()]
            if self._camera is None or self._gone.is_set() or len(self._waiting) >= _MOST_TRIGGERS:
                raise SourceLost(f"{self._name}: the camera is away and was not triggered")
            self._waiting.append(self._triggers.submit(self._trigger, self._camera))

    def _trigger(self, camera: Any) -> None:
        try:
            self._begin()
            with named_errors(self._name):
                camera.software_trigger()
        except SourceError as exc:
            logger.warning("{}", exc)
            _release(exc)

    def grab(self) -> Grab | None:
        self._begin()
        started_ns = now_ns()
        while not self._closing.is_set():
            buffer = self._stream.timeout_pop_buffer(_SLICE_US)
            if buffer is not None:
                grab = self._read(buffer)
                self._stream.push_buffer(buffer)
                return grab
            if self._gone.is_set():
                raise SourceLost(f"{self._name}: the camera does not answer any more")
            silent_s = ms_since(started_ns) / 1e3
            if self._options.camera.trigger is None and silent_s > self._options.read_timeout_s:
                self._gone.set()
                raise SourceLost(f"{self._name} gave no frame in {silent_s:.1f} s")
        return None

    def close(self) -> None:
        with self._firing:
            camera, self._camera = self._camera, None
        self._triggers.shutdown(wait=False, cancel_futures=True)
        stream, self._stream = self._stream, None
        camera.get_device().disconnect(self._handler)
        if not self._gone.is_set():
            try:
                with named_errors(self._name):
                    camera.stop_acquisition()
            except SourceError as exc:
                logger.debug("{}", exc)
                _release(exc)
        names = {stream.get_info_name(index) for index in range(stream.get_n_infos())}
        counts = {
            name: stream.get_info_uint64_by_name(name) for name in _STATISTICS if name in names
        }
        self._losses.statistics.update(counts)
        shown = ", ".join(f"{name} {count}" for name, count in counts.items() if count)
        logger.info("{}: closed; {}", self._name, shown or "no picture came")
        # Aravis gives the control of the camera back when nothing refers to it any more.
        self._numbers.clear()

    def _read(self, buffer: Any) -> Grab:
        # Number and times come with the first packet of a frame. Without it, the buffer still has
        # those of an earlier frame.
        frame_id = buffer.get_frame_id()
        has_head = self._numbers.get(buffer, 0) != frame_id
        self._numbers[buffer] = frame_id
        self._count_missing(frame_id if has_head else None)
        captured_ns = self._time(buffer) if has_head else self._times.estimate(now_ns())
        status = buffer.get_status()
        if status != load_aravis().BufferStatus.SUCCESS:
            # No image: the memory of the lost packets still shows an earlier frame.
            reason = status.value_nick.replace("-", " ")
            return Grab(None, f"the picture is incomplete: {reason}", captured_ns=captured_ns)
        try:
            return Grab(self._convert(buffer), captured_ns=captured_ns)
        except DataError as exc:
            return Grab(None, f"the picture {exc}", captured_ns=captured_ns)

    def _time(self, buffer: Any) -> int:
        arrival_ns, camera_ns = _arrival_ns(buffer), buffer.get_timestamp()
        uses_camera = self._options.camera.clock == "camera" and camera_ns > 0
        if uses_camera is not self._uses_camera:
            self._uses_camera = uses_camera
            words = "on the clock of the camera" if uses_camera else "of the arrival"
            logger.info("{}: frames have times {}", self._name, words)
        captured_ns = self._clock.captured_ns(camera_ns, arrival_ns) if uses_camera else arrival_ns
        self._times.add(captured_ns)
        return captured_ns

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

    def _count_missing(self, frame_id: int | None) -> None:
        gap = self._ids.count_gap(frame_id)
        underruns = self._stream.get_info_uint64_by_name("n_underruns")
        # The frames that waited in the buffers come between the first underrun and its gap.
        rises = underruns > self._underruns
        self._starved = self._options.camera.buffers + 1 if rises else max(0, self._starved - 1)
        self._underruns = underruns
        if gap == 0:
            return
        cause = NO_BUFFER if self._starved else WIRE
        if not self._losses.missing:
            logger.warning(
                "{}: {} frames are missing ({}); the summary counts all", *(self._name, gap, cause)
            )
        self._losses.missing[cause] += gap


def _release(exc: BaseException) -> None:
    """An error refers to the variables of the functions that it left. A camera among them would
    stay open."""
    error: BaseException | None = exc
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__


def _arrival_ns(buffer: Any) -> int:
    """Monotonic time at which the first packet of the picture arrived. Aravis gives it on the wall
    clock, which may be set meanwhile; then it is the present time."""
    age_ns = time.time_ns() - buffer.get_system_timestamp()
    return now_ns() - (age_ns if 0 <= age_ns < _OLDEST_NS else 0)
