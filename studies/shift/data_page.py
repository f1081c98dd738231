"""Writes a page about the pictures of a data set, and their counts as a table."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from engines.pictures import decode_picture
from evaluation.formats import count_of, percent
from evaluation.report.defect_tiles import draw_tile, tile_figure
from evaluation.result_files import write_text
from inspector.core.arrays import Image, Mask
from inspector.core.picture_grid import join_rows
from inspector.core.tables import csv_row
from inspector.report.html_table import table
from inspector.report.markup import Child, Markup, document, element, section
from learning.datasets.masks import MaskReader
from learning.datasets.types import GOOD, TEST, TRAIN, VALIDATION
from learning.normals import spread
from studies.shift.exploring import AlikePair, ClassFacts, PictureFacts

PAGE: Final = "data.html"
COUNTS: Final = "data.csv"
EXAMPLES: Final = 4
"""Pictures of each kind that are shown."""

TILE_PX: Final = 260
"""Longer side of a picture on the page."""

AROUND: Final = 2.0
"""Sides of the part that is enlarged, as a multiple of the sides of the defects in it."""

LEAST_PART: Final = 0.1
LARGEST_PART: Final = 0.5
"""Shares of the sides of the picture: the smallest part that is enlarged, and the largest."""

MOST_ROWS: Final = 40
"""Rows of a list on the page."""

SPLIT: Final = (
    "80 % of the good training pictures are for fitting (train). The other 20 %, and 30 % of the "
    "defective pictures, choose the thresholds (validation). The rest is for testing. If a class "
    "has no good test pictures, another 20 % of its good training pictures are for testing. A "
    "study in the same folder uses the same split; it is stored in splits/CLASS.json."
)

STYLE: Final = """
.examples { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; }
.examples figcaption { font-weight: 400; font-size: .8rem; color: var(--soft);
  overflow-wrap: anywhere; }
.examples figure { width: min-content; }
"""

HEAD: Final = (
    *("class", "kind", TRAIN, VALIDATION, TEST, "with_mask", "unreadable", "sizes", "width_px"),
    *("height_px", "mask_share_min", "mask_share_median", "mask_share_max", "regions_median"),
    "regions_max",
)
"""Columns of COUNTS. sizes: number of different sizes; width and height are of the commonest."""

Value = str | int | float | None


def write_data_page(out: Path, classes: Sequence[ClassFacts], seed: int) -> None:
    """Writes data.html and data.csv. seed: of the split. Raises SinkError."""
    rows = [_count(facts, kind) for facts in classes for kind in facts.kinds()]
    write_text(out / COUNTS, "".join(csv_row(row) for row in (HEAD, *rows)))
    write_text(out / PAGE, make_page(classes, seed))


def describe(facts: ClassFacts) -> str:
    """A sentence for the terminal and for the top of the page."""
    counts = ", ".join(f"{len(facts.of_kind(kind))} {kind}" for kind in facts.kinds())
    crossing = sum(pair.crosses for pair in facts.alike)
    notes = [
        f"{count_of(len(facts.problems), 'problem')}" if facts.problems else "",
        f"{count_of(len(facts.empty), 'picture')} without content" if facts.empty else "",
        f"{count_of(crossing, 'pair')} of alike pictures that mislead" if crossing else "",
    ]
    return "; ".join((f"{facts.data.name}: {counts or 'no pictures'}", *filter(None, notes)))


def make_page(classes: Sequence[ClassFacts], seed: int) -> str:
    title = f"Data of {count_of(len(classes), 'class', 'classes')}"
    items = (
        element("li", element("a", describe(facts), href=f"#c{number}"))
        for number, facts in enumerate(classes)
    )
    return document(
        title,
        element("h1", title),
        element("div", element("ul", *items), class_="findings"),
        element("p", f"{SPLIT} Seed: {seed}."),
        element("p", "The counts of all classes are in ", element("a", COUNTS, href=COUNTS), "."),
        *(_class_section(number, facts) for number, facts in enumerate(classes)),
        style=STYLE,
    )


def _class_section(number: int, facts: ClassFacts) -> Markup:
    parts: list[Child] = [*_problems(facts)]
    if facts.pictures:
        parts += [_kinds_table(facts), _sizes_table(facts), *_alike(facts), *_examples(facts)]
    return element("div", section(facts.data.name, *parts), id=f"c{number}")


def _problems(facts: ClassFacts) -> Iterator[Markup]:
    sentences = [*facts.problems]
    sentences += [f"{s.name} shows only one brightness or colour" for s in facts.empty]
    if sentences:
        items = [element("li", sentence) for sentence in sentences[:MOST_ROWS]]
        if (left := len(sentences) - MOST_ROWS) > 0:
            items.append(element("li", f"and {left} more"))
        yield element("div", element("ul", *items), class_="warn")


def _count(facts: ClassFacts, kind: str) -> tuple[Value, ...]:
    """A row of COUNTS."""
    pictures = facts.of_kind(kind)
    parts = [each.sample.split for each in pictures]
    masks = [each.mask for each in pictures if each.mask is not None]
    shares, regions = [m.share for m in masks], [m.regions for m in masks]
    sizes = [each.hw for each in pictures if each.hw is not None]
    height, width = max(sizes, key=sizes.count) if sizes else (None, None)
    return (
        *(facts.data.name, kind, parts.count(TRAIN), parts.count(VALIDATION), parts.count(TEST)),
        *(len(masks), len(pictures) - len(sizes), len(set(sizes)), width, height),
        *((min(shares), float(np.median(shares)), max(shares)) if masks else (None,) * 3),
        *((float(np.median(regions)), max(regions)) if masks else (None,) * 2),
    )


def _kinds_table(facts: ClassFacts) -> Markup:
    head = (
        *("kind", TRAIN, VALIDATION, TEST, "with mask", "unreadable"),
        *("mask area, smallest", "median", "largest", "regions per picture, median", "most"),
    )
    rows = [_count(facts, kind) for kind in facts.kinds()]
    sums = [sum(column) for column in zip(*(row[2:7] for row in rows), strict=True)]
    body = [
        (row[1], *row[2:7], *map(_share_text, row[10:13]), *map(_number_text, row[13:]))
        for row in rows
    ]
    body.append(("all", *sums, *("",) * 5))
    texts = [tuple(str(cell) for cell in row) for row in body]
    caption = "Pictures of each kind and part. The mask area is a share of the picture."
    return table(head, texts, caption)


def _share_text(value: Value) -> str:
    return percent(value) if isinstance(value, float) else "-"


def _number_text(value: Value) -> str:
    return "-" if value is None else f"{value:g}"


def _sizes_table(facts: ClassFacts) -> Markup:
    sizes = facts.sizes().most_common()
    rows = [(f"{width} x {height}", str(count)) for (height, width), count in sizes[:MOST_ROWS]]
    if (left := len(sizes) - MOST_ROWS) > 0:
        rows.append((f"{left} other sizes", str(sum(count for _, count in sizes[MOST_ROWS:]))))
    return table(("size, px", "pictures"), rows, "Sizes, width x height")


def _alike(facts: ClassFacts) -> Iterator[Markup]:
    if not facts.alike:
        yield element("p", "No two pictures are alike.", class_="note")
        return
    rows = [_alike_row(pair) for pair in facts.alike[:MOST_ROWS]]
    caption = (
        f"{count_of(len(facts.alike), 'pair')} of pictures that are equal or differ by noise only"
        + (f"; the first {MOST_ROWS}" if len(facts.alike) > MOST_ROWS else "")
    )
    head = ("picture", "part", "is like", "part", "how", "effect")
    yield table(head, rows, caption)


def _alike_row(pair: AlikePair) -> tuple[str, ...]:
    effect = ""
    if pair.first.defective != pair.second.defective:
        effect = "good and defective: one of the folders may be wrong"
    elif pair.crosses:
        effect = "in different parts: results look better than they are"
    how = "equal" if pair.identical else "differs by noise"
    first, second = pair.first, pair.second
    return (second.name, second.split, first.name, first.split, how, effect)


def _examples(facts: ClassFacts) -> Iterator[Markup]:
    """Of each kind; of defects from the smallest mask to the largest."""
    masks = MaskReader(facts.data.samples)
    for kind in facts.kinds():
        pictures = [each for each in facts.of_kind(kind) if each.hw is not None]
        pictures.sort(key=lambda each: each.mask.share if each.mask else 0.0)
        chosen = [pictures[index] for index in spread(len(pictures), EXAMPLES)]
        note = "" if kind == GOOD else ", the smallest mask first"
        yield element("h3", f"{kind}: {len(chosen)} of {count_of(len(pictures), 'picture')}{note}")
        yield element("div", *(_example(each, masks) for each in chosen), class_="examples")


def _example(facts: PictureFacts, masks: MaskReader) -> Markup:
    image = decode_picture(facts.sample.path)
    caption = f"{facts.sample.name}, {facts.sample.split}"
    mask = None
    if facts.mask is not None:
        mask = masks.read(facts.sample, (image.shape[0], image.shape[1]))
        regions = count_of(facts.mask.regions, "region")
        caption += f", mask {percent(facts.mask.share)}, {regions}"
    elif facts.sample.defective:
        caption += ", no mask"
    return tile_figure(caption, _draw(image, mask))


def _draw(image: Image, mask: Mask | None) -> Image:
    """BGR: the picture with the outline of the mask, and small defects enlarged beside it."""
    pixels = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
    if mask is None or not mask.any():
        return draw_tile(pixels, side=TILE_PX)
    tiles = [draw_tile(pixels, mask, TILE_PX)]
    if (part := _defective_part(mask)) is not None:
        tiles.append(draw_tile(pixels[part], mask[part], TILE_PX))
    return join_rows([tiles], gap=4)


def _defective_part(mask: Mask) -> tuple[slice, slice] | None:
    """The part with all defects, with the aspect of the picture. None if it is large."""
    cells = np.argwhere(mask)
    low, high, hw = cells.min(axis=0), cells.max(axis=0) + 1, np.array(mask.shape)
    share = max(LEAST_PART, AROUND * float(((high - low) / hw).max()))
    if share > LARGEST_PART:
        return None
    size = np.maximum(np.rint(share * hw).astype(int), 1)
    first = np.clip((low + high - size) // 2, 0, hw - size)
    return slice(first[0], first[0] + size[0]), slice(first[1], first[1] + size[1])
