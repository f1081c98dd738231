"""What the configuration can say about something that is not as it should be."""

from typing import Annotated, Final

from inspector.core.schema import OneOf

ERROR: Final = "error"
WARN: Final = "warn"
IGNORE: Final = "ignore"

Action = Annotated[str, OneOf(ERROR, WARN, IGNORE)]
