"""Loads Aravis (extra `genicam`), lists its cameras and opens one."""

import contextlib
import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any, Final

from inspector.core.errors import ConfigError, SourceError

_VERSION: Final = "0.8"

_listing = Lock()


@dataclass(frozen=True, slots=True)
class CameraEntry:
    """A camera that answers. device_id: its name in Aravis. protocol: GigEVision or USB3Vision.
    address: IP address, or place on the USB."""

    device_id: str
    protocol: str
    address: str
    vendor: str
    model: str
    serial: str

    @property
    def text(self) -> str:
        return f"{self.vendor} {self.model}, serial {self.serial} ({self.address})"

    def is_named(self, name: str) -> bool:
        names = (self.device_id, self.address, self.serial, self.model)
        return name.casefold() in (known.casefold() for known in names)


@cache
def load_aravis() -> Any:
    """The module of Aravis. Raises ConfigError if it is not installed."""
    try:
        import gi

        gi.require_version("Aravis", _VERSION)
        from gi.repository import Aravis
    except (ImportError, ValueError) as exc:
        raise ConfigError(
            "GenICam cameras need PyGObject and Aravis 0.8: pip install 'line-inspector[genicam]', "
            f"and on Debian apt-get install gir1.2-aravis-0.8 ({exc})"
        ) from exc
    return Aravis


@contextlib.contextmanager
def named_errors(name: str) -> Iterator[None]:
    """Turns errors of Aravis into a SourceError, and puts a name before its message."""
    from gi.repository import GLib

    try:
        yield
    except (GLib.Error, SourceError) as exc:
        reason = str(exc) if isinstance(exc, SourceError) else exc.message
        raise SourceError(f"{name}: {reason}") from exc


def list_cameras() -> list[CameraEntry]:
    """The cameras that answer within about a second. Raises ConfigError without Aravis."""
    aravis = load_aravis()
    with _listing:
        aravis.update_device_list()
        cameras = [
            CameraEntry(
                *(
                    read(index) or ""
                    for read in (
                        aravis.get_device_id,
                        aravis.get_device_protocol,
                        aravis.get_device_address,
                        aravis.get_device_vendor,
                        aravis.get_device_model,
                        aravis.get_device_serial_nbr,
                    )
                )
            )
            for index in range(aravis.get_n_devices())
        ]
    return sorted(cameras, key=lambda camera: camera.device_id)


def open_camera(name: str) -> Any:
    """Opens a camera, an Aravis.Camera that no other program controls.

    name: serial number, model, IP address or device id; empty: the only camera. Raises SourceError
    if there is no such camera, or several, and ConfigError without Aravis.
    """
    aravis = load_aravis()
    device_id = name if _is_address(name) else choose_camera(list_cameras(), name).device_id
    with named_errors(f"the GenICam camera {device_id} cannot be opened"):
        camera = aravis.Camera.new(device_id)
        if camera.is_gv_device() and not camera.get_device().take_control():
            raise SourceError("another program controls it")
    return camera


def choose_camera(cameras: Sequence[CameraEntry], name: str) -> CameraEntry:
    """The camera with this name; the only one for an empty name. Raises SourceError."""
    matches = [camera for camera in cameras if not name or camera.is_named(name)]
    if len(matches) == 1:
        return matches[0]
    listed = "; ".join(camera.text for camera in cameras)
    if not cameras:
        raise SourceError(
            "no GenICam camera answers: check its power, its cable and the IP addresses of camera "
            "and machine"
        )
    if matches:
        raise SourceError(f"several cameras answer; use genicam:SERIAL with one of: {listed}")
    raise SourceError(f"no GenICam camera has the name {name}; these answer: {listed}")


def _is_address(name: str) -> bool:
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True
