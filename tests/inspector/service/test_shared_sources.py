"""Tests that all open sources of a line are handed over together, and opened again."""

import pytest
from pipeline_rig import ListSource, frame
from source_reader import Reader

from inspector.core.errors import ConfigError, SourceLost
from inspector.service.shared_source import SharedSources
from inspector.sources.options import SourceOptions


def test_all_sources_are_handed_over_between_the_same_two_parts() -> None:
    made = {name: ListSource([frame(i) for i in range(20)]) for name in ("left", "right")}
    sources = SharedSources(lambda options: made[str(options.uri)])
    options = {name: SourceOptions(uri=name) for name in made}
    old = {name: sources.open_view(name, options[name]) for name in made}
    new = {name: Reader(sources.open_view(name, options[name])) for name in made}
    old["left"].read()
    for _ in range(7):
        old["right"].read()
    sources.hand_over({"left": 4, "right": 4})
    rest = {name: Reader(view).finish().items for name, view in old.items()}
    assert {name: len(items) for name, items in rest.items()} == {"left": 7, "right": 1}
    assert {name: len(reader.finish().items) for name, reader in new.items()} == {
        "left": 12,
        "right": 12,
    }


def test_a_source_that_is_open_is_not_opened_again() -> None:
    opened: list[ListSource] = []

    def open_source(_: SourceOptions) -> ListSource:
        opened.append(ListSource([SourceLost("gone")], live=True))
        return opened[-1]

    sources = SharedSources(open_source)
    first = sources.open_view("a", SourceOptions(uri="0"))
    sources.open_view("a", SourceOptions(uri="0"))
    assert len(opened) == 1
    with pytest.raises(ConfigError, match="cannot change while the source is open"):
        sources.open_view("a", SourceOptions(uri="1"))
    with pytest.raises(SourceLost):
        first.read()
    sources.open_view("a", SourceOptions(uri="0"))  # it is live and has failed
    assert len(opened) == 2
    sources.close()
    assert opened[1].closed.is_set()


def test_a_source_that_cannot_be_opened_again_does_not_hold_up_the_others() -> None:
    answers = iter([ListSource([SourceLost("gone")], live=True), SourceLost("still gone")])

    def open_source(_: SourceOptions) -> ListSource:
        answer = next(answers)
        if isinstance(answer, SourceLost):
            raise answer
        return answer

    sources = SharedSources(open_source)
    first = sources.open_view("a", SourceOptions(uri="0"))
    with pytest.raises(SourceLost, match="gone"):
        first.read()
    second = sources.open_view("a", SourceOptions(uri="0"))
    sources.hand_over()
    assert first.read() is None
    with pytest.raises(SourceLost, match=r"^gone"):
        second.read()
