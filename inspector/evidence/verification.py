"""Verifies the folder of a run: its log, summary.json, tables, video and pictures."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from inspector.core.chain import START
from inspector.core.errors import ConfigError
from inspector.evidence.claims import Claims
from inspector.evidence.file_check import Stage, check_file
from inspector.evidence.log_changes import Damage, find_changes
from inspector.evidence.log_check import LogFacts, check_log
from inspector.evidence.removals import Removals, RunName, read_removals
from inspector.evidence.report import Change, RunReport
from inspector.evidence.result_check import check_files
from inspector.evidence.signing import Key
from inspector.evidence.summary_check import (
    Summary,
    check_summary,
    describe_key,
    parse_summary,
)
from inspector.outputs.folder import LOG, REMOVED, REMOVED_RUNS, SUMMARY


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
        """Verifies a run, or all sources of a session; or the record of removed runs. Raises
        ConfigError for a folder that has no results, and OSError."""
        if folder.name == REMOVED_RUNS and folder.is_file():
            return [self._verify_removed_runs(folder)]
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
        gone = {name for name in names if not (folder / name).is_dir()}
        removed = self._find_removed_sources(report, summary) if gone else set()
        for name in names:
            value, source = summary.sources.get(name), _read_summary(folder / name)
            if name in gone & removed:
                continue
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

    def _find_removed_sources(self, report: RunReport, summary: Summary) -> set[str]:
        """The sources of a session that retention removed, with a note or a gap for each one. The
        record of removed runs is in the nearest folder above that has one."""
        folders = report.folder.resolve().parents
        record = next((path for f in folders if (path := f / REMOVED_RUNS).is_file()), None)
        if record is None:
            return set()
        removals = read_removals(record, START, None, self._key)
        names: set[str] = set()
        doubt = removals.doubt()
        for line in removals.lines:
            name = line.name.source
            is_same = (line.name.run_id, line.run_chain) == (
                summary.record.get("run_id"),
                summary.sources.get(name),
            )
            if is_same and not (report.folder / name).exists():
                names.add(name)
                text = f"{name}: removed by retention at {line.wall_time_utc}: {line.reason}"
                if doubt is None:
                    report.notes.append(text)
                else:
                    report.gaps.append(f"{text}, says {REMOVED_RUNS}; {doubt}")
        return names

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
        removals = self._read_removals(report, facts)
        check_files(report, facts, damage, summary, removals)
        return report

    def _read_removals(self, report: RunReport, facts: LogFacts) -> Removals:
        name = RunName(facts.run_id, facts.source)
        removals = read_removals(report.folder / REMOVED, facts.first, name, self._key)
        report.changes += removals.changes
        files = {path for line in removals.lines for path in line.files}
        gone = [path for path in files if not (report.folder / path).exists()]
        if gone:
            first, last = removals.lines[0].wall_time_utc, removals.lines[-1].wall_time_utc
            doubt = removals.doubt()
            text = f"{len(gone)} files were removed by retention, from {first} to {last}"
            if doubt is None:
                report.notes.append(f"{text}; the others are compared")
            else:
                report.gaps.append(f"{text}, says {REMOVED}; {doubt}")
        return removals

    def _verify_removed_runs(self, path: Path) -> RunReport:
        """The runs that retention removed are facts, so checkpoints of them are no findings."""
        report = RunReport(path)
        removals = read_removals(path, START, None, self._key)
        report.changes += removals.changes
        report.files = 1
        for line in removals.lines:
            name = line.name
            where = ", ".join(line.files)
            report.notes.append(
                f"run {name.run_id}, source {name.source} ({where}): removed by retention at "
                f"{line.wall_time_utc}: {line.reason}"
            )
            for claims in self._claims:
                if (claims.run_id, claims.source) != (name.run_id, name.source):
                    continue
                self._used.add(claims.path)
                if claims.summary not in (None, line.run_chain):
                    reason = f"the run {name.run_id} is not as in {claims.path}"
                    report.changes.append(Change(path.name, "replaced", "", reason))
            self._seen |= {line.run_chain} if line.run_chain else set()
        doubt = removals.doubt()
        if doubt is not None and removals.lines:
            report.gaps.append(f"{path.name}: {doubt}")
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
