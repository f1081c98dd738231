"""The source of frames of a GenICam camera."""

from collections.abc import Mapping
from threading import Event

from inspector.core.errors import SourceLost
from inspector.core.types import SourceInfo
from inspector.sources.genicam.aravis import load_aravis
from inspector.sources.genicam.settings import SOFTWARE, trigger_source
from inspector.sources.genicam.stream import GenicamConnection, Losses
from inspector.sources.live import LiveReader, LiveSource
from inspector.sources.options import GenicamOptions
from inspector.sources.uri import GENICAM


def open_genicam(uri: str, options: GenicamOptions) -> "GenicamSource":
    """Opens a camera; see GenicamSource. Only a source with a software trigger has fire()."""
    software = trigger_source(options) == SOFTWARE
    return TriggeredGenicamSource(uri, options) if software else GenicamSource(uri, options)


class GenicamSource(LiveSource):
    """A live source: pts_s is None. Incomplete pictures are BadFrames with the cause `decode`.

    uri: genicam: and a serial number, a model, an IP address or a device id; without one, the only
    camera. `info` has the settings as they were read back. If the camera goes away, it is opened
    again and gets the same settings. The constructor raises SourceError if the camera cannot be
    opened or does not take a setting, and ConfigError without Aravis. With
    options.reconnect.wait_for_source it does not open the camera: read() tries until it opens, and
    `info` has no size, no rate and no settings.
    """

    def __init__(self, uri: str, options: GenicamOptions) -> None:
        load_aravis()
        self._camera = uri[len(GENICAM) :].strip()
        self._options = options
        self._name = f"GenICam camera {self._camera}".strip()
        self._losses = Losses()
        self._connection: GenicamConnection | None = None
        closing = Event()
        waits = options.reconnect.wait_for_source
        first = None if waits else self._connect(closing)
        info = SourceInfo(
            source_id=self._name,
            live=True,
            frame_hw=None if first is None else first.frame_hw,
            fps=None if first is None else first.fps,
            settings=None if first is None else first.settings,
        )
        reader = LiveReader(
            *(self._name, self._connect, first, options.reconnect, closing),
            stale_s=options.read_timeout_s,
        )
        super().__init__(info, reader)

    @property
    def statistics(self) -> Mapping[str, int]:
        """Counters of Aravis over all closed connections, such as n_missing_packets."""
        return self._losses.statistics

    def missing(self) -> Mapping[str, int]:
        """Frames that the camera numbered and that did not arrive, by cause: `wire`, `no_buffer`.

        Frames before the first one and while there was no connection are not known.
        """
        return dict(self._losses.missing)

    def _connect(self, closing: Event) -> GenicamConnection:
        self._connection = GenicamConnection(
            self._name, self._camera, self._options, closing, self._losses
        )
        return self._connection


class TriggeredGenicamSource(GenicamSource):
    """A camera that takes a picture for each call of fire()."""

    def fire(self) -> None:
        """See inspector.core.protocols.SoftwareTrigger."""
        if self._connection is None:
            raise SourceLost(f"{self._name}: the camera is away and was not triggered")
        self._connection.fire()
