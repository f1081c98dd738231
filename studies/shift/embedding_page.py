"""The page of embeddings: patches of clean and shifted pictures in a plane, and feature maps."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from evaluation.formats import percent
from evaluation.report.point_charts import Series, draw_points
from evaluation.result_files import write_text
from inspector.report.charts import Chart
from inspector.report.markup import Markup, document, element, section
from studies.shift.embeddings import GROUPS, NEIGHBOURS, Embedding, FeatureView
from studies.shift.sentences import Sentence
from studies.shift.sheets import panel_figure
from studies.shift.table_files import StudyTable, write_tables

PAGE: Final = "embeddings.html"

NOTE: Final = (
    "Each point is a patch: the features of the default backbone at one position. Near points have "
    "similar features. Distances between groups of points, and their sizes, mean nothing in t-SNE."
)
FEATURES: Final = (
    "The colours are the first three principal components of the features, the same for the clean "
    "and the shifted picture."
)


def write_embeddings(out: Path, embeddings: Sequence[Embedding]) -> tuple[Sentence, ...]:
    """Writes embeddings.html and the table of the patches. Returns the sentences of the page.
    Raises SinkError."""
    table = _table(embeddings)
    write_tables(out, [table])
    texts = {each.class_name: tuple(_describe(each, table.file)) for each in embeddings}
    write_text(out / PAGE, _page(embeddings, texts))
    return tuple(sentence for sentences in texts.values() for sentence in sentences)


def _page(embeddings: Sequence[Embedding], texts: dict[str, tuple[Sentence, ...]]) -> str:
    title = "Embeddings of the domain shift study"
    return document(
        title,
        element("h1", title),
        element("p", NOTE, class_="note"),
        *(
            section(
                f"{each.class_name}: {each.transform}, {each.severity}",
                *(element("p", f"{s.text} [{s.file}]") for s in texts[each.class_name]),
                _chart(each),
                element("p", FEATURES, class_="note"),
                *map(_view, each.views),
            )
            for each in embeddings
        ),
    )


def _chart(embedding: Embedding) -> Markup:
    series = [
        Series(group, points, number, line=False)
        for number, group in enumerate(GROUPS)
        if (points := [(p.x, p.y) for p in embedding.patches if p.group == group])
    ]
    title = f"{embedding.class_name}: patches by t-SNE"
    text = f"{title}; {', '.join(each.name for each in series)}"
    return draw_points(Chart(title, text, "first axis", "second axis"), series)


def _view(view: FeatureView) -> Markup:
    kind = "shifted" if view.shifted else "clean"
    figures = (panel_figure(view.name, panel, panel.caption) for panel in view.panels)
    head = element("h4", f"{view.name}, {kind}")
    return element("div", head, element("div", *figures, class_="panels"), class_="sheet")


def _describe(embedding: Embedding, file: str) -> Iterator[Sentence]:
    for group in GROUPS:
        shares = [patch.alike for patch in embedding.patches if patch.group == group]
        if shares:
            among = len(shares) / len(embedding.patches)
            yield Sentence(
                f"{group}: {percent(sum(shares) / len(shares))} of the {NEIGHBOURS} nearest "
                f"patches are of the same group (mean of {len(shares)} patches, which are "
                f"{percent(among)} of all).",
                file,
            )


def _table(embeddings: Sequence[Embedding]) -> StudyTable:
    rows = tuple(
        (
            *(each.class_name, each.transform, each.severity, p.group, p.picture),
            *(p.row, p.column, p.x, p.y, p.alike),
        )
        for each in embeddings
        for p in each.patches
    )
    head = (
        *("class", "transform", "severity", "group", "picture", "row", "column", "x", "y"),
        "alike",
    )
    return StudyTable("embeddings", "Patches in the plane", head, rows, ("x", "y"))
