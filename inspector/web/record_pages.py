"""The pages with the runs, and with everything that people changed."""

import json
from collections.abc import Sequence
from typing import Any

from inspector.report.markup import Markup, element
from inspector.store.alarms import Alarm
from inspector.store.audit import Change
from inspector.store.events import StoredRun
from inspector.web.layout import address, note, number, table, time_text


def run_parts(rows: Sequence[StoredRun], *, page_size: int) -> list[Markup | None]:
    """rows: at most page_size + 1, the newest first."""
    if not rows:
        return [note("The store has no run yet.")]
    return [
        table(
            "Runs, the newest first",
            (
                *("Start (UTC)", "Camera", "Status", "Captured", "PASS", "FAIL", "ERROR"),
                *("Dropped", "Missing", "Recipe", "Rule", "Kind", "Run"),
            ),
            (
                (
                    time_text(row.started_utc),
                    row.source,
                    row.status or row.state,
                    _count(row.captured),
                    *(str(count) for count in (row.passed, row.failed, row.errored)),
                    *(_count(count) for count in (row.dropped, row.missing)),
                    row.recipe_id or "-",
                    f"{row.rule or '-'} {number(row.image_threshold)}",
                    row.kind,
                    element("a", row.run_id, href=address("/history", run=row.run_id, kind="all")),
                )
                for row in rows[:page_size]
            ),
            cards=True,
        ),
        _link_older("/runs", rows, page_size),
    ]


def _link_older(
    path: str, rows: Sequence[StoredRun] | Sequence[Change], page_size: int
) -> Markup | None:
    if len(rows) <= page_size:
        return None
    link = element("a", "Older", href=address(path, before=rows[page_size - 1].number), rel="next")
    return element("nav", link, aria_label="Pages", class_="pages")


def _count(value: int | None) -> str:
    return "-" if value is None else str(value)


def change_parts(
    changes: Sequence[Change], alarms: Sequence[Alarm], *, page_size: int
) -> list[Markup | None]:
    """changes: at most page_size + 1, the newest first."""
    rows = (
        (
            time_text(change.wall_time_utc),
            change.who,
            change.what,
            value_text(change.old),
            value_text(change.new),
            change.why or "-",
        )
        for change in changes[:page_size]
    )
    head = ("Time (UTC)", "Who", "What", "Old", "New", "Why")
    return [
        table("Changes, the newest first", head, rows, cards=True)
        if changes
        else note("Nothing was changed."),
        _link_older("/changes", changes, page_size),
        element("h2", "Alarms"),
        _alarms(alarms) if alarms else note("There was no alarm."),
    ]


def value_text(value: Any) -> str:
    """A plain value in one line."""
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _alarms(alarms: Sequence[Alarm]) -> Markup:
    rows = (
        (
            time_text(alarm.raised_utc),
            alarm.source or "-",
            alarm.text,
            str(alarm.count),
            time_text(alarm.acknowledged_utc),
            alarm.who or "-",
            alarm.note or "-",
        )
        for alarm in alarms
    )
    head = ("Since (UTC)", "Camera", "Alarm", "Times", "Acknowledged (UTC)", "By", "Note")
    return table("The last alarms", head, rows, cards=True)
