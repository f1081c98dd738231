"""Settings by which the web of a recorded run comes out again in its replay."""

from collections.abc import Mapping
from typing import Any, Final

from evaluation.replay.recorded import RecordedRun
from inspector.outputs.folder import ENCODER

REPEATED_MOTIONS: Final = ("picture", "speed", "encoder")
"""Kinds of tracking.motion that give the same motion again. Others ask a machine of the line; the
run wrote its answers to encoder.csv."""


def repeat_tracking(
    run: RecordedRun, config: Mapping[str, Any], notes: list[str]
) -> dict[str, Any]:
    """Dotted key -> value. Adds a note if the tracks cannot be compared. config: of the replay."""
    tracking = config["tracking"]
    if not tracking["enabled"]:
        return {}
    if went_on(run):
        notes.append(
            "the run went on with the web of an earlier run (tracking.continue_last_run), and the "
            "replay begins anew: tracks, rolls and the ledger are not compared"
        )
    values: dict[str, Any] = {"tracking.continue_last_run": False}
    if tracking["motion"] in REPEATED_MOTIONS:
        return values
    if has_positions(run):
        positions = str(run.folder / ENCODER)
        return values | {"tracking.motion": "encoder", "tracking.encoder": positions}
    notes.append(
        f"tracking is off, because the motion came from {tracking['motion']} and {ENCODER} is "
        "missing: tracks, rolls and the ledger are not compared"
    )
    values |= {"tracking.enabled": False, "output.four_points.enabled": False}
    return values | {"rolls.enabled": False}


def tracks_agree(run: RecordedRun) -> bool:
    """Whether the replay gives the same tracks as the run."""
    tracking = run.header["config"].get("tracking") or {}
    if not tracking.get("enabled"):
        return True
    repeated = tracking.get("motion", REPEATED_MOTIONS[0]) in REPEATED_MOTIONS
    return (repeated or has_positions(run)) and not went_on(run)


def has_positions(run: RecordedRun) -> bool:
    return (run.folder / ENCODER).is_file()


def went_on(run: RecordedRun) -> bool:
    """Whether the web of an earlier run went on. A new web begins at 0, and a restart without an
    encoder is a place at which the motion is unknown."""
    if not run.header["config"]["tracking"].get("continue_last_run"):
        return False
    first = next((record["web"] for record in run.inspections() if record.get("web")), None)
    if first is None:
        return False
    return bool(first["y_m"] or first["y_px"]) or first["motion"] == "unknown"
