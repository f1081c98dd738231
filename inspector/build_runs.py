"""Builds the runs of a configuration, one run for each source."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from inspector.build import build_run, input_paths
from inspector.build_events import make_joiner
from inspector.config import Config, split_sources
from inspector.core.errors import ConfigError, InspectorError
from inspector.core.records import new_run_id
from inspector.core.types import SINGLE
from inspector.outputs.folder import check_folder
from inspector.outputs.run_folder import remove_empty, reserve_folder
from inspector.parts.joiner import PartJoiner
from inspector.pipeline.reporter import Observer
from inspector.run import Run
from inspector.run_link import FIRST, OpenSource, RunLink
from inspector.state_outputs import NO_STATES, StateOutputs

NO_OBSERVERS: Final[Mapping[str, Sequence[Observer]]] = {}


def build_runs(
    config: Config,
    observers: Mapping[str, Sequence[Observer]] = NO_OBSERVERS,
    *,
    opener: OpenSource | None = None,
    link: RunLink = FIRST,
    states: StateOutputs = NO_STATES,
) -> list[Run]:
    """Builds one run for each source, in the order of the configuration. Nothing runs yet.

    observers: name of a source -> its observers; the name is SINGLE without a list of sources.
    opener, link, states: see build_run. If one source cannot be built, all sources are closed.
    Raises the errors of build_run.
    """
    if not config.sources:
        observe = observers.get(SINGLE, ())
        return [build_run(config, observe, opener=opener, link=link, states=states)]
    configs = split_sources(config)
    joiner = _make_joiner(configs)
    run_id = new_run_id()
    runs: list[Run] = []
    with contextlib.ExitStack() as stack:
        folder = reserve_folder(config.output.dir, run_id)
        stack.callback(remove_empty, config.output.dir, folder)
        _check_folders(folder, config, configs)
        for name, part in configs.items():
            with _add_name(name):
                run = build_run(
                    part,
                    observers.get(name, ()),
                    name=name,
                    run_id=run_id,
                    folder=folder / name,
                    joiner=joiner if part.parts.join else None,
                    opener=opener,
                    link=link,
                    states=states,
                )
            stack.callback(run.source.close)
            runs.append(run)
        stack.pop_all()
    return runs


def _make_joiner(configs: dict[str, Config]) -> PartJoiner | None:
    """The joiner of the sources with parts.join; None if there are none. Raises ConfigError."""
    joined = {name: c.parts for name, c in configs.items() if c.parts.enabled and c.parts.join}
    if not joined:
        return None
    if len(joined) == 1:
        raise ConfigError(f"parts.join: {next(iter(joined))} is the only source that is joined")
    first = next(iter(joined.values()))
    for name, options in joined.items():
        for key in ("rule", "k", "timeout_s"):
            if getattr(options, key) != getattr(first, key):
                raise ConfigError(f"sources, {name}: parts.{key} must be the same in all sources")
    return make_joiner(first, joined)


def _check_folders(shared: Path, config: Config, configs: dict[str, Config]) -> None:
    """Refuses an output folder in which another source has its input. shared: the folder that
    contains the folders of the sources."""
    inputs = [path for part in configs.values() for path in input_paths(part)]
    check_folder(shared, overwrite=config.output.overwrite, inputs=inputs)
    for name, part in configs.items():
        check_folder(shared / name, overwrite=part.output.overwrite, inputs=inputs)


@contextlib.contextmanager
def _add_name(source: str) -> Iterator[None]:
    """Adds the name of the source to the message of an error."""
    try:
        yield
    except InspectorError as exc:
        raise type(exc)(f"source {source}: {exc}") from exc
