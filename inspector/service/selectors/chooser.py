"""Turns received values into requests for a recipe, and passes the answers on."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from loguru import logger

from inspector.connections.refusals import Refusals
from inspector.core.errors import InspectorError
from inspector.store.database import Store
from inspector.store.requests import add_request, wait_for_answer

ANSWER_S: Final = 120.0
"""Longest time until the line answers. It opens the engine of the new recipe first."""

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
    request, only the newest value is remembered.

    who: in the audit trail, such as "mqtt:line/recipe". names: received value -> recipe, None for
    a value that selects nothing; empty: the value is the name. answered: called on the thread.
    """

    def __init__(
        self,
        store: Store,
        who: str,
        names: Mapping[str, str | None],
        *,
        at_start: bool,
        answered: Callable[[Choice], None] = lambda choice: None,
    ) -> None:
        self._store, self._who, self._names = store, who, names
        self._at_start, self._answered = at_start, answered
        self._last: str | None = None
        self._waiting: str | None = None
        self._stopped = False
        self._changed = threading.Condition()
        self._refusals = Refusals(who)
        self.thread = threading.Thread(target=self._work, name=who, daemon=True)
        self.thread.start()

    def see_command(self, value: str) -> None:
        """A value that was sent just now. It is used also if it is the same as the last one."""
        self._last = value
        self._put(value)

    def see_state(self, value: str) -> None:
        """A value that may have been set long ago. It is used only if it has changed."""
        is_first, is_same = self._last is None, self._last == value
        self._last = value
        if not is_same and (self._at_start or not is_first):
            self._put(value)

    def refuse(self, reason: object) -> None:
        """A message without a value that can be used."""
        self._refusals.add(reason)

    def stop(self) -> None:
        """Ends the thread, without waiting for it."""
        with self._changed:
            self._stopped, self._waiting = True, None
            self._changed.notify()

    def _put(self, value: str) -> None:
        if len(value) > MOST_CHARACTERS or not value.isprintable() or not value.strip():
            self.refuse(f"{value[:80]!r} is no name")
            return
        with self._changed:
            replaced, self._waiting = self._waiting, value
            self._changed.notify()
        if replaced is not None:
            text = "a newer value came before this one was used"
            self._answered(Choice(replaced, self._names.get(replaced), False, text))

    def _work(self) -> None:
        while (value := self._take()) is not None:
            if self._names and value in self._names and self._names[value] is None:
                continue
            name = self._names.get(value) if self._names else value
            choice = self._select(value, name)
            log = logger.info if choice.done else logger.warning
            log("{}: {!r}: {}", self._who, choice.value, choice.text)
            self._answered(choice)

    def _take(self) -> str | None:
        """Waits for the next value; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._waiting is not None)
            value, self._waiting = self._waiting, None
            return value

    def _select(self, value: str, name: str | None) -> Choice:
        if name is None:
            return Choice(value, None, False, "the table `names` has no recipe for this value")
        try:
            why = f"the value {value!r} was received"
            number = add_request(self._store, "recipe", {"name": name}, who=self._who, why=why)
            answer = wait_for_answer(self._store, number, ANSWER_S)
        except InspectorError as exc:
            return Choice(value, name, False, str(exc))
        return Choice(value, name, answer.done, answer.text)
