"""Judges the good pictures of an acceptance test, and leaves out those that the engine knows."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.pictures import decode_picture
from engines.spec import EngineSpec
from evaluation.acceptance.judging import JudgePicture
from inspector.core.errors import DataError, SpecError
from inspector.core.reading import Reading
from inspector.core.types import Verdict
from learning.fit_record import FITTED, fit_record_path, read_fit_record

HASH_DIGITS = 16
"""Digits of learning.thresholds.changing.picture_hash."""


@dataclass(frozen=True, slots=True)
class GoodPicture:
    """A held-out picture. sha256: of the file. error: why the verdict is ERROR."""

    name: str
    sha256: str
    verdict: str
    score: float | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class LeftOutPicture:
    """A picture that is not tested, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class HeldOut:
    """pictures: judged. paths: their files. left_out: pictures that were not judged."""

    pictures: tuple[GoodPicture, ...]
    paths: tuple[Path, ...]
    left_out: tuple[LeftOutPicture, ...]

    @property
    def passed(self) -> tuple[int, ...]:
        """Indices of the pictures that PASS; defects are drawn on these."""
        verdicts = enumerate(picture.verdict for picture in self.pictures)
        return tuple(index for index, verdict in verdicts if verdict == Verdict.PASS.value)


def known_pictures(path: Path, spec: EngineSpec) -> tuple[dict[str, str], tuple[str, ...]]:
    """Hash of the input -> why this picture is not held out; and warnings.

    The engine file has the pictures that were fitted. The fit record beside it, if there is one,
    also has those that only chose the thresholds.
    """
    known = {} if spec.left_out is None else dict.fromkeys(spec.left_out.bank, _reason(FITTED))
    warnings = []
    if not known:
        warnings.append(
            "the engine file does not say which pictures it was fitted on: make sure that none of "
            "them is among the pictures of this test"
        )
    record_path = fit_record_path(path)
    if record_path.exists():
        try:
            pictures = read_fit_record(record_path, spec).pictures
        except SpecError as exc:
            pictures = ()
            warnings.append(str(exc))
        for picture in pictures:
            known.setdefault(picture.sha256[:HASH_DIGITS], _reason(picture.role))
    return known, tuple(warnings)


def _reason(role: str) -> str:
    if role == FITTED:
        return "the engine was fitted on it"
    return "it was used when the thresholds of the engine were chosen"


def judge_good(
    paths: Sequence[Path],
    folder: Path,
    judge: JudgePicture,
    known: dict[str, str],
    reading: Reading,
    progress: Callable[[], None] = lambda: None,
) -> HeldOut:
    """Judges every picture that is new to the engine, each content once.

    known: see known_pictures. Raises DataError if no picture remains.
    """
    pictures, files, left_out = [], [], []
    first: dict[str, str] = {}
    for path in paths:
        name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
        progress()
        try:
            image = decode_picture(path, reading=reading)
        except DataError as exc:
            left_out.append(LeftOutPicture(name, str(exc)))
            continue
        judgement = judge(image)
        content = judgement.content or name
        reason = known.get(content, "")
        if not reason and content in first:
            reason = f"it shows the same as {first[content]}"
        if reason:
            left_out.append(LeftOutPicture(name, reason))
            continue
        first[content] = name
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        verdict = judgement.verdict.value
        pictures.append(GoodPicture(name, digest, verdict, judgement.score, judgement.error))
        files.append(path)
    if not pictures:
        raise DataError(
            f"{folder}: none of the {len(paths)} pictures can be used, first {left_out[0].name}: "
            f"{left_out[0].reason}. Give good pictures that were not used to make the engine"
        )
    return HeldOut(tuple(pictures), tuple(files), tuple(left_out))
