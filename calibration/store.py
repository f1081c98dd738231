"""Reads and writes calibration files (YAML). Errors name the wrong key by its dotted path."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from calibration.plane import Calibration
from inspector.core.errors import CalibrationError
from inspector.core.files import write_whole
from inspector.core.schema import build
from inspector.core.yaml_text import read_yaml

FORMAT = 1


def save_calibration(calibration: Calibration, path: Path) -> None:
    """Writes a calibration file. Raises CalibrationError if the file cannot be written."""
    values = {"format": FORMAT} | {k: _plain(v) for k, v in asdict(calibration).items()}
    text = yaml.safe_dump(
        {k: v for k, v in values.items() if v is not None}, sort_keys=False, allow_unicode=True
    )
    write_whole(path, text.encode(), "calibration ", CalibrationError)


def load_calibration(path: Path) -> Calibration:
    """Reads a calibration file.

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
    if raw.pop("format", None) != FORMAT:
        raise CalibrationError(f"{path} is not a calibration: format must be {FORMAT}")
    try:
        return build(Calibration, raw, CalibrationError)
    except CalibrationError as exc:
        raise CalibrationError(f"{path}: {exc}") from exc


def _plain(value: Any) -> Any:
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value
