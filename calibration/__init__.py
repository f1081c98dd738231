"""Converts frame pixels to millimetres on the plane of the product."""

from calibration.plane import Calibration
from calibration.store import load_calibration, save_calibration

__all__ = ["Calibration", "load_calibration", "save_calibration"]
