"""Writes the page of a replay: what changed, and the frames that differ, side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from evaluation import formats
from evaluation.replay.change_tables import DEFECTS, FRAMES
from evaluation.replay.changes import Changes
from evaluation.replay.matching import FrameChange
from evaluation.replay.pictures import CHANGED_BGR, SAME_BGR, PictureOfChange
from evaluation.replay.running import ReplayResult
from evaluation.replay.wording import INDEPENDENT, list_frames, signed_percent, tables
from evaluation.report.panels import Panel
from evaluation.report.point_charts import Level, Series, draw_points
from inspector.core.files import write_whole
from inspector.core.types import Verdict
from inspector.report.charts import Chart
from inspector.report.html_table import name_value_list, table
from inspector.report.markup import Markup, document, element, section

NAME: Final = "replay.html"


def write_page(result: ReplayResult) -> Path:
    """The page holds its pictures and loads nothing from elsewhere. Raises SinkError."""
    changes = result.changes
    assert changes is not None
    title = f"Replay of {result.run.folder.name or result.run.folder}"
    text = document(
        title,
        element("h1", title),
        element("div", *(element("p", each) for each in _findings(changes)), class_="findings"),
        _notes(result),
        _head(result),
        section(
            "What changed",
            *(table(head, rows, caption) for caption, head, rows in tables(changes)),
            element("p", INDEPENDENT, class_="note"),
        ),
        _scores(changes),
        _pictures(changes),
    )
    path = result.out / NAME
    write_whole(path, text.encode("utf-8", "backslashreplace"))
    return path


def _findings(changes: Changes) -> list[str]:
    fails, frames = changes.fails, formats.count_of(changes.frames, "frame")
    lines = [
        f"{fails.pass_to_fail} frames change from PASS to FAIL and {fails.fail_to_pass} from FAIL "
        f"to PASS, of {frames}."
    ]
    errors = sum(
        count
        for (old, new), count in changes.verdicts.items()
        if old != new and Verdict.ERROR.value in (old, new)
    )
    if errors:
        lines.append(f"{formats.count_of(errors, 'frame')} become ERROR or are no longer ERROR.")
    lines.append(
        f"{formats.count_of(changes.old_defects, 'sighting')} of defects are recorded, and the "
        f"replay has {changes.new_defects}: {changes.lost} are only in the recorded log and "
        f"{changes.added} only in the replay."
    )
    if changes.matched:
        lines.append(
            f"{changes.clear} of {changes.matched} defects in both change their size by more than "
            "its uncertainty."
        )
    return lines


def _notes(result: ReplayResult) -> Markup | None:
    notes = list(result.notes)
    if result.not_replayed:
        notes.append(
            f"not replayed, because there is no original: {list_frames(result.not_replayed)}"
        )
    if not notes:
        return None
    return element("div", *(element("p", note) for note in notes), class_="warn")


def _head(result: ReplayResult) -> Markup:
    header, changes = result.run.header, result.changes
    assert changes is not None
    old, new = map(formats.score, changes.image_thresholds)
    return name_value_list(
        (
            ("run", str(result.run.folder)),
            ("run id", str(header.get("run_id", "-"))),
            ("source", str(result.run.source_info["source_id"])),
            ("recorded", str(header["started_utc"])),
            ("engine of the run", f"{header['engine'].get('name')}, {header['engine_hash'][:16]}"),
            ("changed", "; ".join(result.why) or "nothing"),
            ("image threshold", old if old == new else f"{old} in the run, {new} in the replay"),
        )
    )


def _scores(changes: Changes) -> Markup | None:
    if not changes.scores:
        return None
    groups = [
        Series(name, points, style, line=False)
        for style, (name, points) in enumerate(
            (
                (name, [(s.old, s.new) for s in changes.scores if s.verdict_changed is changed])
                for name, changed in (("same verdict", False), ("other verdict", True))
            )
        )
        if points
    ]
    correlation = changes.correlation
    fact = "" if correlation is None else f"The rank correlation is {correlation:.3f}. "
    old, new = map(formats.score, changes.image_thresholds)
    return section(
        "Scores",
        draw_points(
            Chart(
                "Score of each frame in the run and in the replay",
                f"{len(changes.scores)} frames. {fact}",
                "recorded score",
                "score of the replay",
            ),
            groups,
            levels=[Level(changes.image_thresholds[1], f"threshold {new}")],
        ),
        element(
            "p",
            f"{fact}The image threshold of the run is {old}, that of the replay is {new}.",
            class_="note",
        ),
    )


def _pictures(changes: Changes) -> Markup:
    if not changes.differing:
        return section("Frames that differ", element("p", "No frame differs."))
    shown = len(changes.pictures)
    rest = changes.differing - shown
    more = f" The tables list the other {rest}." if rest else ""
    return section(
        "Frames that differ",
        element(
            "p",
            f"{formats.count_of(changes.differing, 'frame')} of {changes.frames} differ in their "
            f"verdict, in their defects or clearly in a size. The page shows {shown}, those with "
            f"another verdict first.{more} All are in {FRAMES} and {DEFECTS}.",
        ),
        element("p", _key(CHANGED_BGR), "changed", _key(SAME_BGR), "not changed", class_="note"),
        *map(_sheet, changes.pictures),
    )


def _key(bgr: tuple[int, int, int]) -> Markup:
    return element("span", class_="key", style=f"background: #{bytes(bgr[::-1]).hex()}")


def _sheet(picture: PictureOfChange) -> Markup:
    change = picture.change
    name = f" ({change.old['name']})" if change.old.get("name") else ""
    panels = [_panel(each) for each in (picture.old, picture.new) if each is not None]
    part = ""
    if picture.box is not None:
        x0, y0, x1, y1 = picture.box
        part = f"part of the frame: x {x0} to {x1} px, y {y0} to {y1} px"
    return element(
        "div",
        element("h4", f"Frame {change.frame_id}{name}: {_describe(change)}"),
        element("p", "; ".join(_sizes(change)), class_="note") if _sizes(change) else None,
        element("div", *panels, class_="panels") if panels else element("p", "no picture"),
        element("p", part, class_="note") if part else None,
        class_="sheet",
    )


def _panel(panel: Panel) -> Markup:
    width, height = panel.size
    image = element("img", src=panel.uri, width=width, height=height, alt=panel.caption)
    return element("figure", image, element("figcaption", panel.caption))


def _describe(change: FrameChange) -> str:
    old, new = change.old, change.new
    parts = [
        f"{old['verdict']} -> {new['verdict']}" if change.verdict_changed else str(old["verdict"]),
        f"score {formats.score(old['score'])} -> {formats.score(new['score'])}",
    ]
    counts: Sequence[tuple[int, str]] = (
        (len(change.lost), "only recorded"),
        (len(change.added), "only in the replay"),
    )
    parts += [f"{formats.count_of(n, 'defect')} {where}" for n, where in counts if n]
    for error in (old.get("error"), new.get("error")):
        if error is not None and change.verdict_changed:
            parts.append(str(error))
    return ", ".join(parts)


def _sizes(change: FrameChange) -> list[str]:
    texts = []
    for pair in change.clear_pairs:
        old, new, unit = pair.sizes("length")
        share = signed_percent((new - old) / old) if old else "-"
        texts.append(f"length {old:.4g} -> {new:.4g} {unit} ({share})")
    return texts
