"""Builds the head of a report: product, run, engine, and what its thresholds promise."""

from typing import Any, Final

from inspector.report.context import ReportContext
from inspector.report.html_table import name_value_list
from inspector.report.markup import Child, Markup, element, section

MOST_VALUES: Final = 5
"""Lots, shifts and operators that the head names."""


def head_section(context: ReportContext) -> Markup:
    text = context.text
    return section(
        text("head_title"),
        element("div", name_value_list(_facts(context)), class_="facts"),
        element("h3", text("thresholds_title")),
        element("ul", *(element("li", sentence) for sentence in _promises(context))),
        _hashes(context),
    )


def _facts(context: ReportContext) -> list[tuple[str, Child]]:
    text, header, options = context.text, context.log.header, context.options
    summary = context.log.summary or {}
    engine, judged_by = header.get("engine") or {}, header.get("judged_by") or {}
    ended = summary.get("ended_utc") or text("not_ended")
    source = header.get("source_info") or header.get("source") or {}
    runtime = (summary.get("engine") or {}).get("running_on") or judged_by.get("running_on")
    return [
        (text("fact_product"), options.product or text("not_stated")),
        (text("fact_lot"), options.lot or _logged(context, "lot")),
        (text("fact_line"), options.line or text("not_stated")),
        (text("fact_shift"), _logged(context, "shift")),
        (text("fact_operator"), options.operator or _logged(context, "operator")),
        (text("fact_start"), str(header.get("started_utc", text("unknown")))),
        (text("fact_end"), str(ended)),
        (text("fact_source"), _source(context, source)),
        (text("fact_run_id"), str(header.get("run_id", text("unknown")))),
        *([(text("fact_check"), str(check))] if (check := header.get("check")) else []),
        (text("fact_engine"), _engine(context, engine)),
        (text("fact_engine_hash"), _hash(context, header.get("engine_hash"))),
        (text("fact_runtime"), str(runtime or text("unknown"))),
        (text("fact_calibration"), _calibration(context)),
        (text("fact_rule"), _rule(context)),
        (text("fact_program"), header.get("version") or text("not_in_log")),
        (text("fact_config_hash"), _hash(context, header.get("config_hash"))),
    ]


def _logged(context: ReportContext, name: str) -> str:
    """The values of a trace field in the log: of the configuration and of the parts."""
    parts = (record for _, record in context.log.events.get("part", ()))
    values = dict.fromkeys(record.get(name) for record in (context.log.header, *parts))
    known = [str(value) for value in values if value is not None]
    more = ["…"] if len(known) > MOST_VALUES else []
    return ", ".join(known[:MOST_VALUES] + more) or context.text("not_stated")


def _source(context: ReportContext, source: Any) -> str:
    if not isinstance(source, dict):
        return str(source)
    kind = context.text("live" if source.get("live") else "not_live")
    frame_hw = source.get("frame_hw")
    size = f", {frame_hw[1]} × {frame_hw[0]} px" if frame_hw else ""
    return f"{source.get('source_id', context.text('unknown'))} ({kind}{size})"


def _engine(context: ReportContext, engine: dict[str, Any]) -> str:
    config = (context.log.header.get("config") or {}).get("engine") or {}
    names = (engine.get("name"), engine.get("method"), config.get("path"))
    return ", ".join(str(name) for name in names if name) or context.text("unknown")


def _hash(context: ReportContext, value: Any) -> Child:
    if not value:
        return context.text("unknown")
    return element("code", str(value), class_="hash")


def _calibration(context: ReportContext) -> Child:
    header = context.log.header
    path = ((header.get("config") or {}).get("calibration") or {}).get("path")
    digest = header.get("calibration_hash")
    if digest is None:
        return context.text("no_calibration")
    return element("span", f"{path or ''} ", element("code", str(digest), class_="hash"))


def _rule(context: ReportContext) -> str:
    verdict = (context.log.header.get("config") or {}).get("verdict") or {}
    return context.text.word("rule", str(verdict.get("rule", context.text("unknown"))))


def _promises(context: ReportContext) -> list[str]:
    """What the thresholds are, how they were chosen, and the rate of false alarms they promise."""
    text, numbers, header = context.text, context.numbers, context.log.header
    sentences = [
        text(
            "thresholds",
            image=numbers.score(header.get("image_threshold")),
            pixel=numbers.score(header.get("pixel_threshold")),
        )
    ]
    engine = header.get("engine") or {}
    rule = engine.get("threshold_rule") or {}
    differs = any(
        engine.get(name) is not None and engine[name] != header.get(name)
        for name in ("image_threshold", "pixel_threshold")
    )
    if differs:
        return [*sentences, text("threshold_changed")]
    if not rule.get("normals"):
        return [*sentences, text("no_promise")]
    units = text("good_pictures")
    if rule.get("block_frames", 1) != 1:
        units = text("good_blocks", frames=rule["block_frames"])
    sentences.append(text("threshold_rule", rule=rule.get("rule"), normals=rule["normals"]))
    if rule.get("alarms") is not None:
        low, high = (numbers.percent(end) for end in rule["interval"])
        of = rule.get("blocks") or rule["normals"]
        sentences.append(
            text("threshold_alarms", alarms=rule["alarms"], of=of, units=units, low=low, high=high)
        )
    if rule.get("false_alarm_rate") is not None:
        rate = numbers.percent(rule["false_alarm_rate"])
        sentences.append(text("threshold_rate", rate=rate, units=units))
    if rule.get("promise") is not None:
        rate = numbers.percent(rule["promise"])
        sentences.append(text("threshold_promise", rate=rate, units=units))
    return sentences


def _hashes(context: ReportContext) -> Markup:
    """The files from which the report was made."""
    rows = [
        (name, context.numbers.megabytes(state.bytes), element("code", state.sha256))
        for name, state in context.log.hashes.items()
    ]
    chain = context.log.chain
    return element(
        "div",
        context.table(("file", "bytes", "sha256"), rows, context.text("hashes_caption")),
        element("p", context.text("chain", chain=chain), class_="note") if chain else None,
        class_="hashes",
    )
