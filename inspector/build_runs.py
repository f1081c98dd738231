"""Makes the runs of a configuration, one for each source."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from inspector.build import build, input_paths
from inspector.config import Config, split_sources
from inspector.core.errors import InspectorError
from inspector.core.records import new_run_id
from inspector.outputs.folder import check_folder
from inspector.pipeline.reporter import Observer
from inspector.run import Run


def build_runs(config: Config, observers: Sequence[Observer] = ()) -> list[Run]:
    """One run for each source of the configuration, in its order. Nothing runs yet.

    observers: of the first source. If one source cannot be built, none stays open: raises what
    `build` raises.
    """
    if not config.sources:
        return [build(config, observers)]
    configs = split_sources(config)
    _check_folders(config, configs)
    run_id = new_run_id()
    runs: list[Run] = []
    with contextlib.ExitStack() as stack:
        for name, part in configs.items():
            with _naming(name):
                run = build(part, () if runs else observers, name=name, run_id=run_id)
            stack.callback(run.source.close)
            runs.append(run)
        stack.pop_all()
    return runs


def _check_folders(shared: Config, configs: dict[str, Config]) -> None:
    """No source may remove what another one reads."""
    inputs = [path for config in configs.values() for path in input_paths(config)]
    for config in (shared, *configs.values()):
        output = config.output
        check_folder(Path(output.dir), overwrite=output.overwrite, inputs=inputs)


@contextlib.contextmanager
def _naming(source: str) -> Iterator[None]:
    """Puts the name of the source in front of the sentence of an error."""
    try:
        yield
    except InspectorError as exc:
        raise type(exc)(f"source {source}: {exc}") from exc
