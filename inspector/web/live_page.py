"""The page with the live state: pictures, counts, alarms, last failures, and the controls."""

from collections.abc import Sequence
from typing import Final

from inspector.report.markup import Child, Markup, element
from inspector.service.line_state import LineState, NextStart, SourceState, describe_recipes
from inspector.store.alarms import Alarm
from inspector.store.history import InspectionRow
from inspector.web.checks_section import checks_section, checks_version
from inspector.web.figures import disk_text, engine_name, source_figures, status_text
from inspector.web.layout import (
    Visitor,
    address,
    button,
    facts,
    note,
    number,
    request_form,
    select,
    table,
    time_text,
    verdict_badge,
    who_field,
    why_field,
)

MOST_STREAMS: Final = 4
"""Live pictures on one page. Browsers open six connections to one server, and the page needs some
of them for other things."""


def live_parts(
    state: LineState,
    alarms: Sequence[Alarm],
    failures: Sequence[InspectionRow],
    visitor: Visitor,
    shown: Sequence[str],
) -> list[Child]:
    """shown: names of the cameras with a live picture."""
    return [
        element("noscript", note("Without JavaScript, load this page again to see new figures.")),
        _status(state, live_version(state, alarms, failures)),
        _alarms(alarms, visitor, is_locked=state.release_locked),
        element(
            "div",
            *(_camera(source, shown=source.name in shown) for source in state.sources),
            class_="cameras",
        ),
        checks_section(state.checks, visitor),
        _failures(failures),
        _controls(state, visitor),
    ]


def live_version(
    state: LineState, alarms: Sequence[Alarm], failures: Sequence[InspectionRow]
) -> str:
    """A text that changes when the page needs more than new figures."""
    numbers = [f"{alarm.number}.{alarm.count}" for alarm in alarms]
    newest = str(failures[0].number) if failures else ""
    names = [source.name for source in state.sources]
    words = [state.state, state.mode, str(describe_recipes(state)), checks_version(state.checks)]
    words.append(str(state.next_start))
    return "|".join([*words, *names, *numbers, newest])


def _status(state: LineState, version: str) -> Markup:
    return element(
        "section",
        element("p", status_text(state), id="status", role="status", class_="status"),
        element("p", state.message or "", id="message", class_="note"),
        element("p", disk_text(state), id="disk", class_="problem"),
        aria_label="State of the line",
        id="line",
        data_version=version,
    )


def _alarms(alarms: Sequence[Alarm], visitor: Visitor, *, is_locked: bool) -> Markup:
    items = [_alarm(alarm, visitor) for alarm in alarms]
    return element(
        "section",
        element("p", element("span", "Release locked", class_="badge fail")) if is_locked else None,
        element("h2", f"Alarms ({len(alarms)})") if alarms else None,
        element("ul", *items, class_="alarms") if items else None,
        id="alarms",
        role="alert",
        aria_label="Open alarms",
    )


def _alarm(alarm: Alarm, visitor: Visitor) -> Markup:
    where = f"{alarm.source}: " if alarm.source else ""
    times = "" if alarm.count == 1 else f" ({alarm.count} times, the last one at {alarm.last_utc})"
    return element(
        "li",
        element("strong", f"{where}{alarm.text}"),
        element("p", "Since ", time_text(alarm.raised_utc), f" UTC{times}", class_="note"),
        element("p", "Release is locked until this alarm is acknowledged.")
        if alarm.locks_release
        else None,
        request_form(
            "acknowledge",
            visitor,
            element("input", type="hidden", name="alarm", value=alarm.number),
            who_field(visitor),
            why_field("Note", required=False),
            button(f"Acknowledge alarm {alarm.number}"),
            back="/",
            class_="inline",
        ),
    )


def _camera(source: SourceState, *, shown: bool) -> Markup:
    figures = source_figures(source)

    def figure(name: str) -> Markup:
        return element("span", figures[name], data_figure=name)

    return element(
        "section",
        element(
            "h2",
            source.name,
            " ",
            element(
                "span", figures["state"], class_=f"badge {figures['state']}", data_figure="state"
            ),
            " ",
            _verdict(figures["verdict"]),
        ),
        element("p", figures["problem"], class_="problem", data_figure="problem"),
        _picture(source.name, shown=shown),
        facts(
            (
                ("Last frame", figure("frame")),
                ("PASS", figure("passed")),
                ("FAIL", figure("failed")),
                ("ERROR", figure("errored")),
                ("Dropped", figure("dropped")),
                ("Missing", figure("missing")),
                ("Rate", figure("rate")),
                ("Latency", figure("latency")),
                ("Threshold", number(source.image_threshold)),
                ("Engine", engine_name(source)),
            )
        ),
        element("p", figure("equation"), class_="note"),
        class_="camera",
        data_source=source.name,
        aria_label=f"Camera {source.name}",
    )


def _verdict(word: str) -> Markup:
    return element("span", word, class_=f"badge verdict {word.lower()}", data_figure="verdict")


def _picture(name: str, *, shown: bool) -> Markup:
    if not shown:
        link = element("a", f"Show the live picture of {name}", href=address("/", camera=name))
        return element("p", link)
    return element(
        "figure",
        element(
            "img",
            src=address("/live", name),
            alt=f"Live picture of {name}: the frame, and the frame with its heat map",
            class_="live",
            width="960",
            height="300",
        ),
        element("figcaption", "", class_="note", data_role="picture-note"),
    )


def _failures(failures: Sequence[InspectionRow]) -> Markup:
    items = [_failure(row) for row in failures]
    empty = note("No frame has failed yet.") if not items else None
    return element(
        "section",
        element("h2", "Last failures"),
        element("ul", *items, class_="gallery") if items else empty,
        id="failures",
        aria_label="Last failures",
    )


def frame_address(row: InspectionRow) -> str:
    return address("/frame", row.run_id, row.source, row.frame_id)


def _failure(row: InspectionRow) -> Markup:
    picture: Child = element("span", "No picture is saved.", class_="nopicture")
    if row.snapshot is not None:
        source = address("/picture", row.run_id, row.source, row.frame_id, "snapshot")
        picture = element("img", src=source, alt="", loading="lazy")
    return element(
        "li",
        element(
            "a",
            picture,
            element("span", verdict_badge(row.verdict), f" {row.source}, frame {row.frame_id}"),
            element("span", time_text(row.wall_time_utc), " UTC", class_="note"),
            element("span", size_text(row), class_="note"),
            href=frame_address(row),
        ),
    )


def size_text(row: InspectionRow) -> str:
    """What is wrong with the frame, in a few words."""
    if row.error:
        return row.error
    count = f"{row.defects} defect{'' if row.defects == 1 else 's'}"
    if row.worst_length is None:
        return f"{count}, score {number(row.score)}"
    return f"{count}, longest {number(row.worst_length, 3)} {row.size_unit}"


def _list_recipes(state: LineState) -> list[tuple[str, str]]:
    """The empty choice is there while no recipe is in use."""
    choices = [(name, name) for name in state.recipes]
    return choices if state.recipe else [("", "choose a recipe"), *choices]


def _next_start(start: NextStart) -> Markup:
    """What the button uses."""
    if start.error is not None:
        return element("p", f"The line cannot start: {start.error}", class_="problem")
    rows = (
        (
            source.name,
            source.engine or "-",
            threshold_text(source.image_threshold),
            threshold_text(source.pixel_threshold),
        )
        for source in start.sources
    )
    recipe = f"with the recipe {start.recipe}" if start.recipe else "without a recipe"
    head = ("Camera", "Engine", "Image threshold", "Pixel threshold")
    return table(f"The next start, {recipe}", head, rows, cards=True)


def threshold_text(value: float | None) -> str:
    return "of the engine" if value is None else number(value)


def _choose_camera(sources: Sequence[SourceState]) -> Markup | None:
    if len(sources) < 2:
        return None
    choices = [("", "all"), *((source.name, source.name) for source in sources)]
    return select("Camera", "source", choices, "")


def _controls(state: LineState, visitor: Visitor) -> Markup:
    stopped = state.state in ("stopped", "ended")
    who, why = who_field(visitor), why_field()
    product = note("No recipes are set up (recipes.dir).")
    if state.recipes:
        product = request_form(
            "recipe",
            visitor,
            select("Recipe", "name", _list_recipes(state), state.recipe or ""),
            _choose_camera(state.sources),
            who,
            why,
            button("Change the product"),
            back="/",
        )
    start = None if state.next_start is None else _next_start(state.next_start)
    kind, text = ("start", "Start the inspection") if stopped else ("stop", "Stop the inspection")
    return element(
        "section",
        element("h2", "Control"),
        element(
            "div",
            element("section", element("h3", "Product"), product, id="product"),
            element(
                "section",
                element("h3", "Start and stop"),
                start,
                request_form(kind, visitor, who, why, button(text), back="/"),
            ),
            class_="columns",
        ),
        id="control",
        aria_label="Control",
    )
