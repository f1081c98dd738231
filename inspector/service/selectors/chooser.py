"""Turns received values into requests for a recipe, and passes the answers on."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from loguru import logger

from inspector.connections.refusals import Refusals
from inspector.core.errors import InspectorError
from inspector.store.alarms import raise_alarm
from inspector.store.database import Store
from inspector.store.requests import add_request, wait_for_answer

ANSWER_S: Final = 120.0
"""Longest time until the line answers. It opens the engine of the new recipe first."""

FIRST_PAUSE_S: Final = 5.0
LONGEST_PAUSE_S: Final = 300.0
"""Until a state that was not done is tried again. The pause doubles with each try."""

MOST_CHARACTERS: Final = 200
"""Of a value."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A received value and what happened with it. recipe: None if the value has no name. done: the
    line uses the recipe. text: a sentence."""

    value: str
    recipe: str | None
    done: bool
    text: str


class RecipeChooser:
    """Makes the requests on a thread, one after the other. While it waits for the answer to a
    request, only the newest value is remembered. A state that was not done is tried again until it
    is done or another value comes, and raises an alarm.

    who: in the audit trail, such as "mqtt:line/recipe". source: see SelectOptions. names: received
    value -> recipe, None for a value that selects nothing; empty: the value is the name. answered:
    called on the thread.
    """

    def __init__(
        self,
        store: Store,
        who: str,
        names: Mapping[str, str | None],
        *,
        source: str | None = None,
        at_start: bool,
        answered: Callable[[Choice], None] = lambda choice: None,
    ) -> None:
        self._store, self._who, self._names = store, who, names
        self._source = {} if source is None else {"source": source}
        self._at_start, self._answered = at_start, answered
        self._last: str | None = None
        self._waiting: tuple[str, bool] | None = None
        """A value, and whether it is a state."""
        self._stopped = False
        self._changed = threading.Condition()
        self._refusals = Refusals(who)
        self.thread = threading.Thread(target=self._work, name=who, daemon=True)
        self.thread.start()

    def see_command(self, value: str) -> None:
        """A value that was sent just now. It is used also if it is the same as the last one."""
        self._last = value
        self._put(value, is_state=False)

    def see_state(self, value: str) -> None:
        """A value that may have been set long ago. It is used only if it has changed."""
        is_first, is_same = self._last is None, self._last == value
        self._last = value
        if not is_same and (self._at_start or not is_first):
            self._put(value, is_state=True)

    def refuse(self, reason: object) -> None:
        """A message without a value that can be used."""
        self._refusals.add(reason)

    def stop(self) -> None:
        """Ends the thread, without waiting for it."""
        with self._changed:
            self._stopped, self._waiting = True, None
            self._changed.notify()

    def _put(self, value: str, *, is_state: bool) -> None:
        if len(value) > MOST_CHARACTERS or not value.isprintable() or not value.strip():
            self.refuse(f"{value[:80]!r} is no name")
            return
        with self._changed:
            replaced, self._waiting = self._waiting, (value, is_state)
            self._changed.notify()
        if replaced is not None:
            text = "a newer value came before this one was used"
            self._answered(Choice(replaced[0], self._names.get(replaced[0]), False, text))

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            value, is_state = taken
            if self._names and value in self._names and self._names[value] is None:
                continue
            name = self._names.get(value) if self._names else value
            choice = self._choose(value, name, is_state=is_state)
            pause_s = FIRST_PAUSE_S
            while is_state and not choice.done and name is not None and self._is_idle(pause_s):
                choice = self._choose(value, name, is_state=True, before=choice)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _is_idle(self, pause_s: float) -> bool:
        """Waits. False if another value came meanwhile, or at the end."""
        with self._changed:
            return not self._changed.wait_for(
                lambda: self._stopped or self._waiting is not None, pause_s
            )

    def _choose(
        self, value: str, name: str | None, *, is_state: bool, before: Choice | None = None
    ) -> Choice:
        """before: of the try before; the same answer is passed on once only."""
        choice = self._select(value, name)
        if choice == before or self._stopped:
            return choice
        log = logger.info if choice.done else logger.warning
        log("{}: {!r}: {}", self._who, choice.value, choice.text)
        if is_state and not choice.done:
            self._raise_alarm(choice)
        self._answered(choice)
        return choice

    def _raise_alarm(self, choice: Choice) -> None:
        text = f"{self._who} selects {choice.value!r}, which is not in use: {choice.text}"
        try:
            raise_alarm(self._store, kind="recipe", text=text)
        except InspectorError as exc:
            logger.error("the store has no alarm about it: {}", exc)

    def _take(self) -> tuple[str, bool] | None:
        """Waits for the next value; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._waiting is not None)
            taken, self._waiting = self._waiting, None
            return taken

    def _select(self, value: str, name: str | None) -> Choice:
        if name is None:
            return Choice(value, None, False, "the table `names` has no recipe for this value")
        try:
            why = f"the value {value!r} was received"
            arguments = {"name": name, **self._source}
            number = add_request(self._store, "recipe", arguments, who=self._who, why=why)
            answer = wait_for_answer(self._store, number, ANSWER_S)
            while answer.state == "taken" and not self._stopped:  # the line is still at work
                answer = wait_for_answer(self._store, number, ANSWER_S)
        except InspectorError as exc:
            return Choice(value, name, False, str(exc))
        return Choice(value, name, answer.done, answer.text)
