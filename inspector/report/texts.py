"""The texts of a report in one language. All languages are in texts.yaml."""

from functools import cache
from importlib import resources
from typing import Any, Final

from inspector.core.yaml_text import parse_yaml

_FILE: Final = "texts.yaml"


@cache
def all_texts() -> dict[str, dict[str, str]]:
    """Key -> language -> text. Braces in a text are the names of values."""
    content = resources.files(__package__).joinpath(_FILE).read_text(encoding="utf-8")
    texts: dict[str, dict[str, str]] = parse_yaml(content)
    return texts


class Texts:
    """Gives the text of a key with its values. Raises KeyError for an unknown key or language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._texts = {key: texts[language] for key, texts in all_texts().items()}

    def __call__(self, key: str, **values: Any) -> str:
        return self._texts[key].format(**values) if values else self._texts[key]

    def word(self, prefix: str, value: str) -> str:
        """The text of a value of the log, such as a cause. A value without a text stays as it is,
        because other versions of the program may write other values."""
        return self._texts.get(f"{prefix}_{value}", value)
