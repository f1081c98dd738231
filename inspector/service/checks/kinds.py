"""The kinds of routine checks: pictures of a folder, presented parts, and parts by their id."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from inspector.core.clock import ms_since, now_ns
from inspector.core.errors import ConfigError, InspectorError
from inspector.core.types import SINGLE
from inspector.outputs.folder import LOG
from inspector.run import Run
from inspector.service.checks.folder_check import FolderJob
from inspector.service.checks.options import FOLDER, PART_ID, RECIPE, CheckOptions
from inspector.service.checks.pictures import CheckOutcome
from inspector.service.checks.routine_check import IDLE, RUNNING, WAITING, RoutineCheck
from inspector.service.line_requests import Reply
from inspector.store.checks import find_challenge_parts, find_unit_verdicts, last_part_number

if TYPE_CHECKING:
    from inspector.service.line import Line

_READ_S: Final = 60.0
"""Time in which the results of a check run must be in the store."""
_RETRY_S: Final = 10.0


class FolderCheck(RoutineCheck):
    """Judges pictures in a process. is_free: whether no other check judges pictures now."""

    def __init__(self, options: CheckOptions, line: "Line", is_free: Callable[[], bool]) -> None:
        super().__init__(options, line)
        self._is_free = is_free
        self._job: FolderJob | None = None
        self._who: str | None = None
        self._is_asked = False
        self._late = ""

    def turn(self) -> None:
        if (job := self._job) is not None:
            if (outcome := job.poll()) is not None:
                self._job = None
                if (job.folder / LOG).exists():
                    self.line.store.follow(job.folder)
                self._end(outcome)
        elif (self._is_asked or self.is_due) and self._is_free():
            self._begin()

    def start(self, who: str) -> Reply:
        if self._job is not None or self._is_asked:
            raise ConfigError(f"the check {self.options.name} is running already")
        self._is_asked, self._who = True, who
        return Reply(f"the check {self.options.name} begins; the history will have its result")

    def stop(self) -> None:
        if self._job is not None:
            self._job.stop()

    def _begin(self) -> None:
        plan, last = self.line.plan, self.last
        self._late = self.late_text()
        self.phase = RUNNING
        try:
            config = self.line.config.compose(plan.base, plan.recipe, plan.settings)
            content = None if last is None else last.content
            recipe = plan.find_recipe(self.options.source or SINGLE)
            self._job = FolderJob(config, self.options, recipe, content)
        except (InspectorError, OSError) as exc:
            text = f"the check could not be done: {exc}"
            self._end(CheckOutcome(passed=False, text=text))

    def _end(self, outcome: CheckOutcome) -> None:
        who, self._who, self._is_asked = self._who, None, False
        self.finish(
            passed=outcome.passed,
            text=outcome.text,
            late=self._late,
            who=who,
            run_id=outcome.run_id,
            # Pictures that could not be read are not the ones to compare with.
            content=outcome.content or (None if self.last is None else self.last.content),
        )


class RecipeCheck(RoutineCheck):
    """A run of the line in which people present challenge parts. A person starts it.

    Phases: waiting (it is due, and a person has to start it), running (asked for; the run goes on;
    the line hands over to production again; the store reads the results).
    """

    def __init__(self, options: CheckOptions, line: "Line") -> None:
        super().__init__(options, line)
        self._who: str | None = None
        self._runs: Sequence[Run] = ()
        self._end_ns = 0
        self._tried_ns = 0
        self._ended_ns: int | None = None
        self._late = ""

    def turn(self) -> None:
        if self.phase == RUNNING:
            self._follow()
        elif not self.line.is_running:
            self.phase, self.task = IDLE, None
        elif self.phase == IDLE and self.is_due:
            self.phase = WAITING
            self._late = self.late_text()
            self._end_ns = _after_min(self.options.grace_min)
            parts, limit = _parts_text(self.options.parts), f"{self.options.grace_min:g} min"
            self.task = f"start the check {self.options.name} with {parts} within {limit}"
        elif self.phase == WAITING and now_ns() > self._end_ns:
            text = f"nobody started it within {self.options.grace_min:g} min"
            self.finish(passed=False, text=text, late=self._late)

    def start(self, who: str) -> Reply:
        options = self.options
        if not self.line.is_running:
            raise ConfigError("the line is stopped; start it first")
        if self.phase == RUNNING:
            raise ConfigError(f"the results of the check {options.name} are still being read")
        self._late = self.late_text()
        self.phase, self._who, self._runs, self._ended_ns = RUNNING, who, (), None
        parts = _parts_text(options.parts)
        self.task = f"present {parts} within {options.minutes:g} min"
        text = f"the check {options.name} runs: {self.task}"
        return Reply(text, renews=True, check=options.name)

    def _follow(self) -> None:
        line = self.line
        is_current = line.is_running and line.plan.check == self.options.name
        if is_current and not self._runs:
            self._runs = line.runs
            self._end_ns = _after_min(self.options.minutes)
        elif not self._runs and line.plan.check is None and not line.is_changing:
            self.phase, self.task = IDLE, None  # its session could not begin; the answer says why
        elif self._runs and is_current:
            is_over = _count_units(self._runs) >= self.options.parts or now_ns() > self._end_ns
            may_try = ms_since(self._tried_ns) > 1000 * _RETRY_S
            if is_over and may_try and not line.sessions.is_preparing:
                self.task, self._tried_ns = None, now_ns()
                line.desk.end_check()
        elif self._runs:
            self._read()

    def _read(self) -> None:
        """Reads the verdicts, when the run has ended and the store has them."""
        self.task = None
        self._ended_ns = self._ended_ns or now_ns()
        run_id, parts = self._runs[0].info.run_id, self.options.parts
        by_part = _has_parts(self._runs)
        verdicts = find_unit_verdicts(self.store, run_id, parts=by_part, limit=parts)
        if verdicts is None and ms_since(self._ended_ns) < 1000 * _READ_S:
            return
        verdicts = verdicts or []
        failed, errored = verdicts.count("FAIL"), verdicts.count("ERROR")
        noun = "parts" if by_part else "frames"
        text = f"{len(verdicts)} of {parts} {noun} came, {failed} are FAIL"
        if self.options.defective < parts or failed < self.options.defective:
            text += f" and {self.options.defective} should be"
        if errored:
            text += f", {errored} are ERROR"
        passed = len(verdicts) == parts and failed == self.options.defective and not errored
        self._runs = ()
        self.finish(passed=passed, text=text, late=self._late, who=self._who, run_id=run_id)


class PartCheck(RoutineCheck):
    """Watches for parts whose ids are those of challenge parts.

    Each must be FAIL, and enough of them must come in each interval of the schedule. The store has
    the parts, so none is lost or doubled after a restart.
    """

    def __init__(self, options: CheckOptions, line: "Line") -> None:
        super().__init__(options, line)
        self._late = ""
        self._end_ns = 0
        self._failed = 0
        self._seen = last_part_number(self.store)
        scheduled = self.last_scheduled
        if self.last is not None and self.last.part_number is not None:
            self._seen = self.last.part_number
        since = self._seen if scheduled is None else scheduled.part_number or 0
        before = find_challenge_parts(self.store, options.name, after=since)
        self._failed = sum(p.number <= self._seen and p.verdict == "FAIL" for p in before)

    def turn(self) -> None:
        name = self.options.name
        for part in find_challenge_parts(self.store, name, after=self._seen):
            self._seen = part.number
            if part.verdict == "FAIL":
                self._failed += 1
            else:
                text = f"the challenge part {part.part_id} is {part.verdict}"
                self.finish(passed=False, text=text, fulfils=False, part_number=part.number)
        if not self.is_due or not self.line.is_running:
            self.phase, self.task = IDLE, None
        elif self._failed >= self.options.parts:
            self._end(passed=True, text=f"{self._failed} challenge parts are FAIL")
        elif self.phase == IDLE:
            self.phase, self._late = WAITING, self.late_text()
            self._end_ns = _after_min(self.options.grace_min)
            parts = _parts_text(self.options.parts - self._failed)
            limit = f"{self.options.grace_min:g} min"
            self.task = f"put {parts} on the line within {limit}: {self.options.part_id}"
        elif now_ns() > self._end_ns:
            self._end(
                passed=False,
                text=f"{self._failed} of {self.options.parts} challenge parts came as FAIL",
            )

    def start(self, who: str) -> Reply:
        raise ConfigError(
            f"the check {self.options.name} needs no start: let parts with the id "
            f"{self.options.part_id} pass"
        )

    def _end(self, *, passed: bool, text: str) -> None:
        self._failed = 0
        self.finish(passed=passed, text=text, late=self._late, part_number=self._seen)
        self._late = ""


def make_check(options: CheckOptions, line: "Line", is_free: Callable[[], bool]) -> RoutineCheck:
    """is_free: see FolderCheck. Raises SinkError."""
    if options.kind == FOLDER:
        return FolderCheck(options, line, is_free)
    kinds = {RECIPE: RecipeCheck, PART_ID: PartCheck}
    return kinds[options.kind](options, line)


def _parts_text(count: int) -> str:
    return "1 challenge part" if count == 1 else f"{count} challenge parts"


def _after_min(minutes: float) -> int:
    return now_ns() + int(minutes * 60e9)


def _has_parts(runs: Sequence[Run]) -> bool:
    return any(run.events.parts is not None for run in runs)


def _count_units(runs: Sequence[Run]) -> int:
    """Parts that are complete so far, over all sources; frames if parts are off."""
    if _has_parts(runs):
        stages = [run.events.parts for run in runs if run.events.parts is not None]
        return sum(joiner.totals.total for joiner in {stage.joiner for stage in stages})
    return sum(run.pipeline.stats.inspected + run.pipeline.stats.errored for run in runs)
