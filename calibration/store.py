"""Reads and writes calibration files (YAML). Errors name the wrong key by its dotted path."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from loguru import logger

from calibration.old_format import add_uncertainty
from calibration.plane import Calibration
from inspector.core.errors import CalibrationError
from inspector.core.files import write_whole
from inspector.core.schema import build
from inspector.core.yaml_text import read_yaml

FORMAT = 2
OLD_FORMAT = 1
"""Has no lens and no uncertainty by place."""


def save_calibration(calibration: Calibration, path: Path) -> None:
    """Writes a calibration file. Raises CalibrationError if the file cannot be written."""
    values = {"format": FORMAT} | {k: _plain(v) for k, v in asdict(calibration).items()}
    text = yaml.safe_dump(
        {k: v for k, v in values.items() if v is not None},
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=200,
    )
    write_whole(path, text.encode(), "calibration ", CalibrationError)


def load_calibration(path: Path) -> Calibration:
    """Reads a calibration file. One of format 1 gets an uncertainty by place, see old_format.

    Raises CalibrationError with the file and the key that is missing, unknown or wrong.
    """
    try:
        raw = read_yaml(path)
    except OSError as exc:
        raise CalibrationError(f"{path} cannot be read: {exc.strerror}") from exc
    except ValueError as exc:
        raise CalibrationError(f"the calibration {path} cannot be used: {exc}") from None
    if not isinstance(raw, dict):
        raise CalibrationError(f"{path} is not a calibration: the file has no keys")
    form = raw.pop("format", None)
    if form not in (FORMAT, OLD_FORMAT):
        raise CalibrationError(
            f"{path} is not a calibration: format must be {OLD_FORMAT} or {FORMAT}"
        )
    try:
        calibration = build(Calibration, raw, CalibrationError)
    except CalibrationError as exc:
        raise CalibrationError(f"{path}: {exc}") from exc
    return _complete(calibration, path) if form == OLD_FORMAT else calibration


def _complete(calibration: Calibration, path: Path) -> Calibration:
    """A calibration of format 1, with the uncertainties that it leaves out."""
    complete = add_uncertainty(calibration)
    if complete.uncertainty is not None and calibration.uncertainty is None:
        logger.warning(
            "{} was made by an older version, which did not measure the distortion of the lens; "
            "sizes far from the board have a large uncertainty. Calibrate again with the same "
            "pictures",
            path,
        )
    return complete


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value
