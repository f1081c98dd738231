"""Words the result of a replay: the rows of its tables, for the terminal and for the page."""

from collections.abc import Sequence
from typing import Final

from evaluation import formats
from evaluation.replay.changes import FAIL, PASS, Changes
from evaluation.replay.running import ReplayResult
from evaluation.replay.same_log import LogComparison
from inspector.core.types import Verdict

WORDS: Final = (PASS, FAIL, Verdict.ERROR.value)
MOST_FRAMES: Final = 10
"""Frame numbers in a sentence."""

INDEPENDENT: Final = (
    "The intervals assume that frames are independent. Frames of a video show the same product "
    "several times, so the true intervals are wider."
)


def describe_log(log: LogComparison) -> list[str]:
    """Sentences about logs that should be the same."""
    lines = []
    if log.identical:
        lines.append(f"identical: {formats.count_of(log.records, 'record')}")
    else:
        lines.append(f"different: {log.different} of {formats.count_of(log.records, 'record')}")
        for each in log.shown:
            frame = "" if each.frame_id is None else f" of frame {each.frame_id}"
            lines.append(f"  {each.type}{frame}, {each.field}: {each.old} -> {each.new}")
    if log.not_replayed:
        lines.append(f"not replayed, because there is no original: {list_frames(log.not_replayed)}")
    if log.behind_cut:
        lines.append(
            f"the recorded log was cut; {formats.count_of(log.behind_cut, 'record')} of the replay "
            "after its last frame are not compared"
        )
    for name, count in sorted(log.unmatched.items()):
        lines.append(f"only one log has the field {name} ({formats.count_of(count, 'record')})")
    return lines


def list_frames(frame_ids: Sequence[int]) -> str:
    """Numbers of frames in words, at most MOST_FRAMES of them."""
    shown = ", ".join(map(str, frame_ids[:MOST_FRAMES]))
    more = f" and {len(frame_ids) - MOST_FRAMES} more" if len(frame_ids) > MOST_FRAMES else ""
    return f"{'frame' if len(frame_ids) == 1 else 'frames'} {shown}{more}"


def describe_changes(result: ReplayResult) -> list[str]:
    """Lines for the terminal."""
    changes = result.changes
    assert changes is not None
    lines = [f"changed: {'; '.join(result.why) or 'nothing'}"]
    for title, head, rows in tables(changes):
        lines += ["", title, *_align([head, *rows])]
    if changes.correlation is not None:
        lines += ["", f"rank correlation of the scores: {changes.correlation:.3f}"]
    lines += ["", f"{formats.count_of(changes.differing, 'frame')} of {changes.frames} differ"]
    if result.not_replayed:
        lines.append(
            f"not replayed, because there is no original: {list_frames(result.not_replayed)}"
        )
    return lines


Table = tuple[str, Sequence[str], Sequence[Sequence[str]]]
"""Title, head, rows."""


def tables(changes: Changes) -> list[Table]:
    """The tables of a replay: verdicts, changes of verdicts, defects and sizes."""
    return [_verdicts(changes), _fails(changes), _defects(changes), _sizes(changes)]


def _verdicts(changes: Changes) -> Table:
    rows = [
        (old, *(str(changes.verdicts.get((old, new), 0)) for new in WORDS))
        for old in WORDS
        if old != WORDS[2] or any(WORDS[2] in pair for pair in changes.verdicts)
    ]
    return "Frames by verdict", ("recorded", *(f"replay {new}" for new in WORDS)), rows


def _fails(changes: Changes) -> Table:
    fails = changes.fails
    title = f"Share of FAIL, of the {formats.count_of(fails.frames, 'frame')} judged both times"
    rows = [
        _share_row("PASS -> FAIL", fails.frames, fails.pass_to_fail, fails.pass_to_fail_interval),
        _share_row("FAIL -> PASS", fails.frames, fails.fail_to_pass, fails.fail_to_pass_interval),
    ]
    if fails.difference is not None and fails.interval is not None and fails.p is not None:
        low, high = map(signed_percent, fails.interval)
        share = signed_percent(fails.difference)
        number = f"{fails.pass_to_fail - fails.fail_to_pass:+d}"
        rows.append(("change", number, share, f"{low} to {high}", _p_value(fails.p)))
    return title, ("", "frames", "share", "95 % interval", "p (McNemar)"), rows


def _share_row(
    name: str, frames: int, count: int, interval: tuple[float, float]
) -> tuple[str, str, str, str, str]:
    share = formats.percent(count / frames) if frames else "-"
    low, high = map(formats.percent, interval)
    return name, str(count), share, f"{low} to {high}", ""


def _p_value(p: float) -> str:
    return "<0.0001" if p < 0.0001 else f"{p:.2g}"


def _defects(changes: Changes) -> Table:
    head = ("recorded", "replay", "in both", "only recorded", "only replay", "clearly another size")
    numbers = (changes.old_defects, changes.new_defects, changes.matched, changes.lost)
    return (
        "Sightings of defects",
        head,
        [tuple(map(str, (*numbers, changes.added, changes.clear)))],
    )


def _sizes(changes: Changes) -> Table:
    head = ("size", "pairs", "frames", "recorded", "replay", "median change", "95 % interval")
    rows = []
    for name, size in changes.sizes.items():
        interval = "-"
        if size.interval is not None:
            interval = f"{size.interval[0]:+.3g} to {size.interval[1]:+.3g} {size.unit}"
        rows.append(
            (
                *(name.partition(" ")[0], str(size.pairs), str(size.frames)),
                *(f"{size.old_median:.4g} {size.unit}", f"{size.new_median:.4g} {size.unit}"),
                f"{size.median:+.3g} {size.unit} ({signed_percent(size.median_share)})",
                interval,
            )
        )
    return "Sizes of defects in both (medians)", head, rows


def signed_percent(share: float) -> str:
    """A share in percent with its sign, such as +1.5 % for 0.015."""
    return f"{100 * share:+.1f} %" if share else "0.0 %"


def _align(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
