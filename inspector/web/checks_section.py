"""The routine checks on the live page: what is due, the last results, and a button to begin."""

from collections.abc import Sequence

from inspector.core.clock import utc_ms, wall_ms
from inspector.report.markup import Child, Markup, element, join
from inspector.service.checks.options import PART_ID
from inspector.service.line_state import CheckState
from inspector.web.layout import (
    Visitor,
    button,
    facts,
    request_form,
    time_text,
    who_field,
    why_field,
)


def checks_section(checks: Sequence[CheckState], visitor: Visitor) -> Markup | None:
    """None without routine checks."""
    if not checks:
        return None
    return element(
        "section",
        element("h2", "Routine checks"),
        element("div", *(_check(check, visitor) for check in checks), class_="columns"),
        id="checks",
        aria_label="Routine checks",
    )


def _next(check: CheckState) -> Child:
    if check.next_utc is None:
        return "on request"
    time = time_text(check.next_utc)
    if utc_ms(check.next_utc) > wall_ms():
        return time
    return join(element("span", "due", class_="badge fail"), " since ", time)


def checks_version(checks: Sequence[CheckState]) -> str:
    """A text that changes when the section does."""
    return " ".join(f"{c.name}.{c.state}.{c.task}.{c.last_utc}.{c.next_utc}" for c in checks)


def _check(check: CheckState, visitor: Visitor) -> Markup:
    word, badge = "never done", ""
    if check.last_passed is not None:
        word, badge = ("passed", "pass") if check.last_passed else ("missed", "fail")
    can_begin = check.kind != PART_ID and check.state != "running"
    return element(
        "section",
        element("h3", check.name, " ", element("span", word, class_=f"badge {badge}".strip())),
        element("p", f"Now: {check.task}.", class_="problem") if check.task else None,
        facts(
            (
                ("State", check.state),
                ("Last result (UTC)", time_text(check.last_utc) if check.last_utc else None),
                ("Seen", check.last_text),
                ("Next (UTC)", _next(check)),
            )
        ),
        request_form(
            "check",
            visitor,
            element("input", type="hidden", name="name", value=check.name),
            who_field(visitor),
            why_field(),
            button(f"Begin the check {check.name}"),
            back="/",
        )
        if can_begin
        else None,
        aria_label=f"Routine check {check.name}",
    )
