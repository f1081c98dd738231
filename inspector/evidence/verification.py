"""Verifies the folder of a run: its log, summary.json, tables, video and pictures."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain, islice, takewhile
from pathlib import Path
from typing import Final

from inspector.core.errors import ConfigError
from inspector.core.file_hash import FileState
from inspector.evidence.claims import Claims
from inspector.evidence.file_check import Stage, check_file
from inspector.evidence.log_changes import Damage, find_changes
from inspector.evidence.log_check import LogFacts, check_log
from inspector.evidence.report import Change, RunReport
from inspector.evidence.signing import Key
from inspector.evidence.summary_check import (
    Summary,
    check_summary,
    describe_key,
    parse_summary,
)
from inspector.outputs.folder import (
    DERIVED,
    LOG,
    ORIGINALS,
    RESULTS,
    SUMMARY,
    find_segments,
    is_report_page,
    is_segment,
)

PICTURE_FOLDERS: Final = ("snapshots", "defects", "explained", ORIGINALS)


class Verifier:
    """Verifies runs. key: checks signatures; None: they are not checked. claims: chain values that
    were kept elsewhere; values: more of them, which may belong to any of the runs."""

    def __init__(
        self, key: Key | None = None, claims: Sequence[Claims] = (), values: Sequence[str] = ()
    ) -> None:
        self._key = key
        self._claims = claims
        self._values = values
        self._known = {*chain.from_iterable(c.lines.values() for c in claims), *values}
        self._used: set[Path] = set()
        self._seen: set[str] = set()

    def verify(self, folder: Path) -> list[RunReport]:
        """Verifies a run, or all sources of a session. Raises ConfigError for a folder that has no
        results, and OSError."""
        if not folder.is_dir():
            raise ConfigError(f"{folder} is not a folder: name the output folder of a run")
        summary = _read_summary(folder)
        if (folder / LOG).exists() or (summary is not None and not summary.of_session):
            return [self._verify_run(folder, summary)]
        logs = sorted(path.parent for path in folder.glob(f"*/{LOG}"))
        if not logs and summary is None:
            raise ConfigError(f"{folder} has no {LOG}: name the output folder of a run")
        names = sorted({path.name for path in logs} | set(summary.sources if summary else ()))
        reports = [
            self._verify_run(folder / name, _read_summary(folder / name))
            for name in names
            if (folder / name).is_dir()
        ]
        return [*reports, self._verify_session(folder, summary, names)]

    def unused(self) -> list[str]:
        """A sentence for each checkpoint and value that belongs to none of the verified runs."""
        paths = [
            f"{c.path}: it is a checkpoint of the run {c.run_id}, which was not verified"
            for c in self._claims
            if c.path not in self._used
        ]
        values = [f"no line and no summary has the chain value {v}" for v in self._values]
        return [
            *paths,
            *(t for t, v in zip(values, self._values, strict=True) if v not in self._seen),
        ]

    def _verify_session(
        self, folder: Path, summary: Summary | None, names: Sequence[str]
    ) -> RunReport:
        report = RunReport(folder)
        if summary is None:
            self._note_cut(report, folder)
            return report
        report.files = 1
        if summary.chain is None and not summary.sources:
            report.gaps.append(f"{SUMMARY}: not chained: an earlier version wrote it")
            return report
        report.changes += check_summary(summary, SUMMARY, self._key)
        for name in names:
            value, source = summary.sources.get(name), _read_summary(folder / name)
            if name not in summary.sources:
                report.changes.append(Change(name, "added"))
            elif value is not None and source is None:
                report.changes.append(Change(f"{name}/{SUMMARY}", "missing"))
            elif source is not None and source.chain != value:
                report.changes.append(Change(f"{name}/{SUMMARY}", "replaced"))
        for name, state in summary.files.items():
            if state is not None:
                change = check_file(folder, name, [Stage(state, None)], growing=False)
                report.files += 1
                report.changes += [] if change is None else [change]
        self._check_claims(report, str(summary.record.get("run_id")), "", {}, summary)
        return report

    def _verify_run(self, folder: Path, summary: Summary | None) -> RunReport:
        report = RunReport(folder)
        if not (folder / LOG).is_file():
            report.changes.append(Change(LOG, "missing"))
            return report
        facts = check_log(folder / LOG, self._key, self._known)
        report.lines, report.run_id = facts.lines, facts.run_id
        signed = summary is not None and (summary.chain is not None or summary.end is not None)
        if not facts.chained and not signed:
            self._note_unchained(report, facts)
            return report
        damage = self._check_log(report, facts, summary)
        if summary is None:
            self._note_cut(report, folder)
        elif summary.end is None:
            report.changes.append(Change(SUMMARY, "edited", "", "it has no evidence"))
        else:
            report.changes += check_summary(summary, SUMMARY, self._key)
            report.files += 1
        self._check_signatures(report, facts, damage, summary)
        self._check_claims(report, facts.run_id, facts.source, facts.seen, summary)
        _check_files(report, facts, damage, summary)
        return report

    def _note_unchained(self, report: RunReport, facts: LogFacts) -> None:
        report.gaps.append(f"{LOG}: not chained: an earlier version wrote it")
        if self._key is not None:
            report.changes.append(Change(LOG, "unsigned", "", "it has no chain and no signature"))
        self._check_claims(report, facts.run_id, facts.source, {}, None)

    def _note_cut(self, report: RunReport, folder: Path) -> None:
        if (folder / SUMMARY).exists():
            report.changes.append(Change(SUMMARY, "edited", "", "it cannot be read"))
        else:
            report.gaps.append(
                f"{SUMMARY} is missing: the run was cut, it still runs, or somebody removed the "
                "end. Nothing after the last checkpoint that is kept elsewhere is proven"
            )

    def _check_log(self, report: RunReport, facts: LogFacts, summary: Summary | None) -> Damage:
        end = None if summary is None else summary.end
        if facts.cut and summary is None:
            report.notes.append(f"{LOG}: the last line is incomplete, and was not compared")
        agrees = end is None or (facts.lines, facts.last) == end
        if facts.first_break is None and agrees and not (facts.cut and summary is not None):
            return Damage()
        damage = find_changes(report.folder / LOG, end)
        if not damage.changes and facts.cut:
            reason = "there is something after its last line"
            damage.changes.append(Change(LOG, "longer", "", reason))
        elif not damage.changes:
            damage.changes.append(Change(LOG, "replaced", "", f"it does not fit {SUMMARY}"))
        report.changes += damage.changes
        return damage

    def _check_signatures(
        self, report: RunReport, facts: LogFacts, damage: Damage, summary: Summary | None
    ) -> None:
        intact = [c for c in facts.checkpoints if c.number not in damage.wrong]
        if self._key is None:
            if any(c.key_id for c in intact) or (summary is not None and summary.key_id):
                report.notes.append("the signatures were not checked: use --key")
            return
        for checkpoint in intact:
            if checkpoint.signature_fits is False:
                reason = describe_key(checkpoint.key_id, self._key)
                place = f"line {checkpoint.number}"
                report.changes.append(Change(LOG, "unsigned", place, reason))
        if summary is None:
            last = max((c.number for c in intact if c.signature_fits), default=0)
            report.gaps.append(f"{LOG}: the lines after line {last} have no signature")

    def _check_claims(
        self,
        report: RunReport,
        run_id: str,
        source: str,
        seen: dict[str, int],
        summary: Summary | None,
    ) -> None:
        chain = None if summary is None else summary.chain
        self._seen |= {*seen, *({chain} if chain else ())}
        for claims in self._claims:
            if (claims.run_id, claims.source) != (run_id, source):
                continue
            self._used.add(claims.path)
            lost = [number for number, value in claims.lines.items() if seen.get(value) != number]
            if lost:
                reason = f"line {min(lost)} is not as in {claims.path}"
                report.changes.append(Change(LOG, "replaced", "", reason))
            if claims.summary is not None and claims.summary != chain:
                reason = f"it is not as in {claims.path}"
                report.changes.append(Change(SUMMARY, "replaced", "", reason))
            if not lost:
                until = max(claims.lines, default=0)
                report.notes.append(f"{claims.path}: agrees up to line {until}")


def _read_summary(folder: Path) -> Summary | None:
    path = folder / SUMMARY
    return parse_summary(path.read_bytes()) if path.is_file() else None


def _check_files(
    report: RunReport, facts: LogFacts, damage: Damage, summary: Summary | None
) -> None:
    """Compares all files that have a hash, and looks for pictures and videos that have none."""
    stages = _collect_stages(facts, damage.wrong, summary)
    new = [name for name in _list_present(report.folder) if name not in stages]
    missing = [name for name in filter(_is_picture, stages) if not (report.folder / name).exists()]
    if damage.changes:
        # Lines that are gone may have recorded more pictures, and that the run removed pictures.
        uncertain = {*new, *missing}
    elif summary is None:
        uncertain = {*new, *_find_replaced(stages, missing, new)}
    else:
        uncertain = set()
        report.changes += [Change(name, "added") for name in new]
    if uncertain:
        report.notes.append(
            f"{len(uncertain)} pictures or videos were not compared, because no intact "
            "checkpoint says which of them the run wrote or removed last"
        )
    for name, states in stages.items():
        if name in uncertain:
            continue
        growing = summary is None and not _is_picture(name)
        change = check_file(report.folder, name, states, growing=growing)
        report.files += 1
        report.changes += [] if change is None else [change]
    _note_others(report)


def _collect_stages(
    facts: LogFacts, wrong: set[int], summary: Summary | None
) -> dict[str, list[Stage]]:
    """All states of the tables and of the video, and the last state of each picture."""
    groups: list[tuple[dict[str, FileState | None], int | None]] = [
        (c.files, c.frame_id) for c in facts.checkpoints if c.number not in wrong
    ]
    if summary is not None:
        groups.append((summary.files, None))
    stages: dict[str, list[Stage]] = {}
    for files, frame_id in groups:
        for name, state in files.items():
            if state is None or _is_picture(name):
                stages.pop(name, None)
            if state is not None:
                stages.setdefault(name, []).append(Stage(state, frame_id))
    return stages


def _is_picture(name: str) -> bool:
    return "/" in name


def _find_replaced(
    stages: Iterable[str], missing: Collection[str], new: Sequence[str]
) -> Iterator[str]:
    """The pictures that a run has removed after its last checkpoint: of each folder the oldest, at
    most one more than it has written into the folder since. Of the originals the oldest PASS frame
    goes first, which may be any of them."""
    for folder in PICTURE_FOLDERS:
        oldest_first = (name for name in stages if name.startswith(f"{folder}/"))
        choose = filter if folder == ORIGINALS else takewhile
        most = 1 + sum(name.startswith(f"{folder}/") for name in new)
        yield from islice(choose(lambda name: name in missing, oldest_first), most)


def _list_present(folder: Path) -> list[str]:
    """The pictures, and the parts of the video."""
    pictures = sorted(
        path.relative_to(folder).as_posix()
        for name in PICTURE_FOLDERS
        for path in (folder / name).rglob("*")
        if not path.is_dir()
    )
    return [*pictures, *(path.name for path in find_segments(folder))]


def _note_others(report: RunReport) -> None:
    known = {*RESULTS, *DERIVED, *PICTURE_FOLDERS}
    names = {path.name for path in report.folder.iterdir()} - known
    others = sorted(n for n in names if not is_report_page(n) and not is_segment(n))
    if others:
        report.notes.append(f"not written by the run, not compared: {', '.join(others[:10])}")
