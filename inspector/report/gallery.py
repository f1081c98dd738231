"""Builds the section with pictures of the defects, the worst first, with size, U and place."""

from inspector.explain.wording import name_value, write_sentence
from inspector.report.context import ReportContext
from inspector.report.defect_sections import kind_text
from inspector.report.markup import Child, Markup, element, join, section
from inspector.report.run_log import Record, ReportDefect


def gallery_section(context: ReportContext) -> Markup:
    text, defects = context.text, context.in_full
    if not defects:
        return section(text("gallery_title"), element("p", text("no_defects")))
    total = len(context.log.defects)
    sentence = text(
        f"gallery_{context.noun}", shown=len(defects), count=context.numbers.count(total)
    )
    return section(
        text("gallery_title"),
        element("p", sentence, class_="lead"),
        element("p", text("gallery_note"), class_="note lead"),
        element("div", *(_card(context, defect) for defect in defects), class_="cards"),
        context.page_list(context.pages, "D"),
    )


def _card(context: ReportContext, defect: ReportDefect) -> Markup:
    name, track = context.anchor(f"d{defect.number}"), defect.track_label
    kind = kind_text(context, defect)
    title = element(
        "h4",
        element("a", f"D{defect.number}", href=f"#{context.anchor(f'row-{defect.number}')}"),
        " ",
        element("span", context.text.word("severity", defect.severity), class_=defect.severity),
        f" {kind}" if kind is not None else None,
        element("small", f" {context.text('track_of', track=track)}") if track else None,
    )
    lines = [element("p", line) for line in _lines(context, defect)]
    explanation = defect.values.get("explanation")
    if explanation is not None:
        sentence = write_sentence(explanation, defect.values, context.text.language)
        lines.append(
            element("p", context.numbers.point(sentence.replace("+-", "± ")), class_="note")
        )
    if defect.generated is not None:
        lines.append(element("p", _generated_text(context, defect.generated), class_="note"))
    picture = context.pictures.get(defect.number)
    class_ = "card"
    if picture is not None and picture.origin == "stored" and picture.is_wide:
        class_ = "card wide"  # it shows the defect twice, side by side
    return element("div", title, _picture(context, defect), *lines, class_=class_, id=name)


def _generated_text(context: ReportContext, answer: Record) -> str:
    """The answer of a language model, marked as such."""
    language = context.text.language
    return context.text(
        "generated_answer",
        model=answer["model"],
        kind=name_value("kind", str(answer["kind"]), language),
        confidence=name_value("level", str(answer["confidence"]), language),
        description=answer["description"],
    )


def _picture(context: ReportContext, defect: ReportDefect) -> Markup:
    picture = context.pictures.get(defect.number)
    if picture is None:
        return element("p", context.text("no_picture"), class_="empty")
    width, height = picture.size
    alt = context.text("picture_alt", number=defect.number, frame=defect.best.frame_id)
    return element("img", src=picture.uri, width=width, height=height, alt=alt, loading="lazy")


def _lines(context: ReportContext, defect: ReportDefect) -> list[Child]:
    text, numbers = context.text, context.numbers
    sizes = (context.size_text(defect, name) for name in ("length", "width"))
    lines: list[Child] = [element("strong", " × ".join(sizes), f" {numbers.symbol}")]
    area = context.size_text(defect, "area")
    lines.append(f"{text('quantity_area')} {area} {numbers.symbol_of('area')}")
    place = place_text(context, defect)
    if place:
        lines.append(place)
    frames = text("frame_of", frame=frame_text(context, defect))
    if context.log.tracked:
        frames = text("frames_of", count=defect.count, frame=frame_text(context, defect))
    score = numbers.score(defect.values.get("peak_score"))
    lines.append(join(frames, text("score_of", score=score)))
    picture = context.pictures.get(defect.number)
    if picture is not None and picture.origin != "stored":
        lines.append(element("small", text(f"picture_{picture.origin}")))
    return lines


def frame_text(context: ReportContext, defect: ReportDefect) -> str:
    """Number of the best frame, and the name of its file for a folder of pictures."""
    name = None if defect.index is None else context.log.frames.names.get(defect.index)
    return f"{defect.best.frame_id}" + (f" ({name})" if name else "")


def place_text(context: ReportContext, defect: ReportDefect) -> str:
    """Where the defect is on the web; without tracking where it is in the frame."""
    numbers, values = context.numbers, defect.values
    web = values.get("web") or {}
    if web.get("y_m") is not None:
        across = numbers.digits(numbers.convert(web["x_mm"]), 4)
        along = numbers.point(f"{web['y_m']:.3f}")
        return context.text("place_web", across=across, unit=numbers.symbol, along=along)
    if web.get("y_px") is not None:
        across, along = f"{web['x_px']:.0f}", f"{web['y_px']:.0f}"
        return context.text("place_frame", x=across, y=along, unit="px")
    centre = values.get("centroid_mm")
    if centre:
        x, y = (numbers.digits(numbers.convert(value), 4) for value in centre)
        return context.text("place_frame", x=x, y=y, unit=numbers.symbol)
    if values.get("centroid_px"):
        x, y = (f"{value:.0f}" for value in values["centroid_px"])
        return context.text("place_frame", x=x, y=y, unit="px")
    return ""
