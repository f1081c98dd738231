"""Puts an explanation into a sentence, in each language of the reports."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, Final

from inspector.core.size_text import format_measured
from inspector.core.yaml_text import parse_yaml

_FILE: Final = "words.yaml"

_SAME: Final = 0.02
"""Smaller relative changes of the brightness are not named."""


@cache
def all_words() -> dict[str, dict[str, str]]:
    """Key -> language -> text."""
    content = resources.files(__package__).joinpath(_FILE).read_text(encoding="utf-8")
    words: dict[str, dict[str, str]] = parse_yaml(content)
    return words


def name_value(prefix: str, value: str, language: str = "en") -> str:
    """The word for a value of a log, such as a kind. A value without a word stays as it is, because
    other versions of the program may write other values."""
    texts = all_words().get(f"{prefix}_{value.replace(' ', '_')}")
    return value if texts is None else texts[language]


def write_sentence(
    explanation: Mapping[str, Any], defect: Mapping[str, Any], language: str = "en"
) -> str:
    """One sentence about one defect. explanation, defect: with the keys of the log."""
    shape = name_value("shape", explanation["shape"], language)
    parts = [shape, _write_size(defect, language)]
    contrast = explanation["figures"].get("contrast")
    if contrast is not None:
        key = "as_bright" if abs(contrast) < _SAME else "darker" if contrast < 0 else "brighter"
        parts.append(_text(key, language, percent=round(100 * abs(contrast))))
    if explanation["colour"] is not None:
        parts.append(name_value("colour", explanation["colour"], language))
    kind = name_value("kind", explanation["kind"], language)
    return _text(
        "sentence",
        language,
        kind=kind[0].upper() + kind[1:],
        place=name_value("place", explanation["place"], language),
        look=", ".join(parts),
        severity=name_value("level", defect["severity"], language),
        confidence=name_value("level", explanation["confidence"], language),
    )


def write_summary(
    kinds: Sequence[str], others: int, worst: str | None, language: str = "en"
) -> str:
    """One sentence about a picture. kinds: of the explained defects. others: number of defects that
    were not explained. worst: the sentence of the worst defect; None without an explained one."""
    total = len(kinds) + others
    if total == 0:
        return _text("nothing", language)
    counts = Counter(kinds).most_common()
    names = [f"{count} x {name_value('kind', kind, language)}" for kind, count in counts]
    if others:
        names.append(_text("others", language, count=others))
    count_text = _text("count_single" if total == 1 else "count_several", language, count=total)
    summary = f"{count_text}: {', '.join(names)}."
    return summary if worst is None else f"{summary} {_text('worst', language)}: {worst}"


def write_hotspot(place: str, score: float, threshold: float, language: str = "en") -> str:
    """One sentence about a peak of the map without a defect. threshold: of pixels."""
    where = name_value("place", place, language)
    values = {"score": f"{score:.4g}", "threshold": f"{threshold:.4g}"}
    return _text("hotspot", language, place=where[0].upper() + where[1:], **values)


def _write_size(defect: Mapping[str, Any], language: str) -> str:
    unit = "px" if defect["length_mm"] is None else "mm"
    sizes = {}
    for name in ("length", "width"):
        size, expanded = defect[f"{name}_{unit}"], defect[f"{name}_expanded_u_{unit}"]
        rough = expanded is None or defect["size_source"] == "map"
        text = f"{size:.3g}" if rough else format_measured(size, expanded)
        sizes[name] = f"{text} {unit}"
    key = "size_truncated" if defect["truncated"] else "size"
    return _text("size_map" if defect["size_source"] == "map" else key, language, **sizes)


def _text(key: str, language: str, **values: Any) -> str:
    return all_words()[key][language].format(**values)
