"""Makes slow or remote outputs from entries of the configuration."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from inspector.core.errors import ConfigError
from inspector.core.lazy import load_entry
from inspector.core.schema import build, shown
from inspector.outputs.lines import RecordLines
from inspector.outputs.queued import QueuedOutput
from inspector.outputs.sender import LONGEST_END_S, QueueOptions

OUTPUTS: Final = {
    "mqtt": "inspector.outputs.mqtt:MqttSender",
    "webhook": "inspector.outputs.webhook:WebhookSender",
}
"""Kind -> "module:Class" of its sender, imported when it is used."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def make_outputs(
    entries: Sequence[Mapping[str, Any]],
    *,
    source: str | None = None,
    lines: RecordLines | None = None,
    other_kinds: Collection[str] = (),
) -> list[QueuedOutput]:
    """Makes the outputs. It does not open or connect them.

    entries: the list `outputs` of the configuration. source: name of the source in the list of
    sources; None without such a list. Each source of the list has separate outboxes, such as
    "left/office" for the output "office" of the source "left". No name contains a slash, so two
    outboxes never share a folder. lines: makes the lines that the outputs share with the log.
    other_kinds: of the entries that send no records; they are ignored.

    Raises ConfigError with the path of the wrong key, such as outputs[0].port.
    """
    outputs: list[QueuedOutput] = []
    for number, entry in enumerate(entries):
        path = f"outputs[{number}]"
        if entry.get("kind") in tuple(other_kinds):  # a kind that is no text may be unhashable
            continue
        output = _make_output(entry, path, source, lines, other_kinds)
        if output.name in {other.name for other in outputs}:
            raise ConfigError(
                f"{path}.name: two outputs have the name {output.name}; give each entry a name"
            )
        outputs.append(output)
    return outputs


def _make_output(
    entry: Mapping[str, Any],
    path: str,
    source: str | None,
    lines: RecordLines | None,
    other_kinds: Collection[str],
) -> QueuedOutput:
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in OUTPUTS:
        known = ", ".join([*OUTPUTS, *other_kinds])
        raise ConfigError(
            f"{path}.kind must be a known kind of output ({known}), not {shown(kind)}"
        )
    sender_class = load_entry(OUTPUTS[kind])
    options = build(sender_class.Options, dict(entry), ConfigError, path)
    title = kind if options.name is None else options.name
    if not _NAME.fullmatch(title):
        raise ConfigError(
            f"{path}.name must be 1 to 64 letters, digits, - or _ and begin with a letter or "
            f"digit, not {title!r:.70}"
        )
    _check_queue(options.queue, f"{path}.queue")
    name = title if source is None else f"{source}/{title}"
    return QueuedOutput(name, sender_class(options, path), options.queue, lines)


def _check_queue(queue: QueueOptions, path: str) -> None:
    """Checks keys that depend on each other."""
    if queue.retry_first_s > queue.retry_max_s:
        raise ConfigError(
            f"{path}.retry_first_s must be at most retry_max_s, {queue.retry_max_s:g}, "
            f"not {queue.retry_first_s:g}"
        )
    if queue.drain_s + queue.timeout_s > LONGEST_END_S:
        raise ConfigError(
            f"{path}: drain_s + timeout_s must be at most {LONGEST_END_S:g} s, so that an aborted "
            f"run can end, not {queue.drain_s:g} + {queue.timeout_s:g}"
        )
