"""The pictures of the defects, the worst first, with size, U and place."""

from inspector.report.context import MOST_IN_FULL, ReportContext
from inspector.report.markup import Child, Markup, element, join, section
from inspector.report.run_log import ReportDefect


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
        element("p", sentence),
        element("p", text("gallery_note"), class_="note"),
        element("div", *(_card(context, defect) for defect in defects), class_="cards"),
        _further_pages(context) if total > MOST_IN_FULL else None,
    )


def _further_pages(context: ReportContext) -> Markup:
    links = (
        element("li", element("a", f"D{first}–D{last}: {page}", href=page))
        for page, (first, last) in context.pages.items()
    )
    return element("div", element("p", context.text("further_pages")), element("ul", *links))


def _card(context: ReportContext, defect: ReportDefect) -> Markup:
    name = context.anchor(f"d{defect.number}")
    title = element(
        "h4",
        element("a", f"D{defect.number}", href=f"#{context.anchor(f'row-{defect.number}')}"),
        " ",
        element("span", context.text.word("severity", defect.severity), class_=defect.severity),
        f" {defect.values['kind']}" if defect.values.get("kind") else None,
    )
    lines = (element("p", line) for line in _lines(context, defect))
    return element("div", title, _picture(context, defect), *lines, class_="card", id=name)


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
    frames = text("frame_of", frame=defect.best.frame_id)
    if context.log.tracked:
        frames = text("frames_of", count=defect.count, frame=defect.best.frame_id)
    score = numbers.score(defect.values.get("peak_score"))
    lines.append(join(frames, text("score_of", score=score)))
    picture = context.pictures.get(defect.number)
    if picture is not None and picture.origin != "stored":
        lines.append(element("small", text(f"picture_{picture.origin}")))
    return lines


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
