"""Makes the attendants of a line from its configuration."""

from inspector.service.disk_keeper import DiskKeeper
from inspector.service.line import Line
from inspector.service.line_notice import LineNotice
from inspector.service.notify import Notifier
from inspector.service.resuming import Resuming
from inspector.service.selectors.kinds import Selectors
from inspector.service.teaching import Teaching
from inspector.triggers.kinds import TriggerReceivers


def attend(line: Line, notifier: Notifier) -> None:
    """Adds the attendants, before the line runs. Raises ConfigError if one cannot be made."""
    Teaching(line)
    base, store = line.config.base, line.store.store
    resuming = Resuming(line, store, base.output.dir)
    line.interruptions = resuming.stages
    line.attendants.add(LineNotice(line, notifier))
    line.attendants.add(resuming)
    line.attendants.add(Selectors(base.recipes.select, store))
    line.attendants.add(TriggerReceivers(base.triggers, line.triggers))
    line.attendants.add(DiskKeeper(line))
    line.states.start(line)
    line.attendants.add(line.states)
