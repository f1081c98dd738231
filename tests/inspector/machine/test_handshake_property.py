"""A property of the handshake: whatever the PLC, the judge and the clock do, no old PASS is shown.

The rules are checked from a list of everything that happened, without the table of the handshake.
"""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from inspector.core.types import Verdict
from inspector.machine.codes import ErrorCode
from inspector.machine.handshake import ALL_SET, Handshake, HandshakeView, PlcBits

RESULT_NS, ACKNOWLEDGE_NS = 100, 60


@dataclass
class Cycle:
    """What happened since a trigger was accepted. verdicts: time and verdict, of this part alone.
    faults: names of what must end a PASS."""

    part: str
    begun_ns: int
    verdicts: list[tuple[int, int, Verdict]] = field(default_factory=list)
    faults: set[str] = field(default_factory=set)

    def may_pass(self, now_ns: int) -> bool:
        """Whether the PLC may see PASS now."""
        if self.faults or not self.verdicts:
            return False
        first_ns, expires_ns, _ = self.verdicts[0]
        in_time = first_ns < self.begun_ns + RESULT_NS
        is_fresh = now_ns < min(first_ns + ACKNOWLEDGE_NS, expires_ns)
        return in_time and is_fresh and {v for _, _, v in self.verdicts} == {Verdict.PASS}


class HandshakeMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.handshake = Handshake("run", result_ns=RESULT_NS, acknowledge_ns=ACKNOWLEDGE_NS)
        self.now_ns = 1
        self.bits = ALL_SET
        self.takes_parts = False
        self.part_ids = ["run/0", "other"]
        self.cycle: Cycle | None = None
        self.may_clear = False

    def view(self) -> HandshakeView:
        return self.handshake.view(self.now_ns)

    @rule(
        trigger=st.booleans(),
        acknowledge=st.booleans(),
        reset=st.sampled_from((False, False, False, True)),
        part=st.sampled_from("12"),
    )
    def write(self, trigger: bool, acknowledge: bool, reset: bool, part: str) -> None:
        before, was = self.bits, self.view()
        self.bits = PlcBits(trigger, acknowledge, reset)
        begun = self.handshake.write(self.bits, part, self.now_ns)
        rises = trigger and not before.trigger
        acknowledged = acknowledge and not before.result_acknowledged and was.result_valid
        if self.cycle is not None and rises:
            self.cycle.faults.add("trigger")
        if acknowledged or reset:
            self.cycle = None
        assert begun == (was.ready and self.bits == PlcBits(trigger=True))
        if begun:
            self.cycle = Cycle(part, self.now_ns)
            assert self.handshake.part_id not in self.part_ids
            self.part_ids.append(self.handshake.part_id)
        assert not was.result_valid or self.view().result_valid or acknowledged or reset

    @rule(
        age=st.integers(0, 3),
        verdict=st.sampled_from(Verdict),
        fresh_ns=st.sampled_from((0, 30, 1000)),
    )
    def judge(self, age: int, verdict: Verdict, fresh_ns: int) -> None:
        """age: 0 for the newest part."""
        was = self.view()
        part_id = self.part_ids[-1 - min(age, len(self.part_ids) - 1)]
        code = ErrorCode.DROPPED if verdict is Verdict.ERROR else ErrorCode.NONE
        expires_ns = self.now_ns + fresh_ns
        self.handshake.see_verdict(part_id, verdict, code, self.now_ns, expires_ns)
        if self.cycle is not None and part_id == self.part_ids[-1]:
            self.cycle.verdicts.append((self.now_ns, expires_ns, verdict))
        assert self.view().result_valid or not was.result_valid

    @rule(ns=st.sampled_from((1, 10, ACKNOWLEDGE_NS, RESULT_NS)))
    def wait(self, ns: int) -> None:
        was = self.view()
        self.now_ns += ns
        assert self.view().result_valid or not was.result_valid

    @rule(takes_parts=st.booleans())
    def station(self, takes_parts: bool) -> None:
        was = self.view()
        self.takes_parts = takes_parts
        self.handshake.see_station(takes_parts=takes_parts, now_ns=self.now_ns)
        assert self.view().result_valid == was.result_valid

    @invariant()
    def shows_no_old_pass(self) -> None:
        view = self.view()
        if view.verdict is Verdict.PASS:
            assert self.cycle is not None
            assert self.cycle.may_pass(self.now_ns)
            assert view.part == self.cycle.part
            assert view.error_code is ErrorCode.NONE

    @invariant()
    def is_in_one_phase(self) -> None:
        view = self.view()
        assert sum((view.ready, view.busy, view.result_valid)) <= 1
        assert (view.verdict is None) is not view.result_valid
        assert not (view.ready and (self.bits != PlcBits() or not self.takes_parts))
        assert not (view.trigger_acknowledged and not self.bits.trigger)

    @invariant()
    def a_cycle_ends_in_time(self) -> None:
        view = self.view()
        assert (view.busy or view.result_valid) is (self.cycle is not None)
        if self.cycle is not None and self.now_ns >= self.cycle.begun_ns + RESULT_NS:
            assert view.result_valid


HandshakeMachine.TestCase.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, derandomize=True
)
TestHandshakeMachine = HandshakeMachine.TestCase
