"""Makes the event stages of one source: parts, tracking and rolls."""

from collections.abc import Iterable
from pathlib import Path

from calibration.plane import Calibration
from engines.pictures import decode_picture
from engines.spec import EngineSpec
from inspector.build_tracking import make_tracking
from inspector.config import Config
from inspector.core.arrays import Image
from inspector.core.errors import ConfigError, DataError
from inspector.core.protocols import BeginsLater, NamesEarlierFrames, NamesFrames, Source
from inspector.core.types import RunInfo
from inspector.event_stages import EventStages
from inspector.parts.book import PartBook
from inspector.parts.codes import CodeReader
from inspector.parts.grouping import (
    Grouping,
    SequenceGrouping,
    ZoneGrouping,
    count_frames,
    match_names,
)
from inspector.parts.joiner import PartJoiner
from inspector.parts.options import BY_FRAME, BY_NAME, BY_ZONE, PartOptions
from inspector.parts.presence import ZonePresence
from inspector.parts.rolls import RollStage
from inspector.parts.stage import PartStage
from inspector.parts.triggers import TriggerGrouping, TriggerRules, read_triggers
from inspector.parts.verdict import PartRule
from inspector.tracking.feed_motion import Recorder
from inspector.tracking.stage import TrackingStage


def make_event_stages(
    config: Config,
    spec: EngineSpec,
    calibration: Calibration | None,
    source: Source,
    run: RunInfo,
    joiner: PartJoiner | None = None,
    record: Recorder | None = None,
) -> EventStages:
    """joiner: None unless the parts of several sources are joined. record: see make_tracking.
    Raises ConfigError for files and names that cannot be used."""
    tracking = make_tracking(config, spec, calibration, run, record)
    return EventStages(
        parts=_make_parts(config, source, run, joiner),
        tracking=tracking,
        rolls=_make_rolls(config, run, tracking),
    )


def make_joiner(options: PartOptions, sources: Iterable[str]) -> PartJoiner:
    """sources: names of those that see each part."""
    rule = PartRule(options.rule, options.k)
    return PartJoiner(tuple(sources), rule, timeout_s=options.timeout_s)


def _make_parts(
    config: Config, source: Source, run: RunInfo, joiner: PartJoiner | None
) -> PartStage | None:
    options = config.parts
    if not options.enabled:
        return None
    live, name = run.source.live, run.source_name
    if joiner is None and options.join:
        raise ConfigError(
            "parts.join needs several sources: use the list sources, or remove parts.join"
        )
    if joiner is not None and live:
        _check_live_join(options)
    joiner = joiner or make_joiner(options, (name,))
    # Ids that are numbers must be the same in all sources that are joined.
    prefix = run.run_id if joiner.joins else f"{run.run_id}/{name}"
    book = PartBook(name, continues=run.continues is not None)
    grouping = _make_grouping(options, book, prefix, source)
    codes = CodeReader(config.codes) if config.codes.enabled else None
    return PartStage(name, grouping, book, joiner, live=live, codes=codes)


def _check_live_join(options: PartOptions) -> None:
    """Refuses parts of live sources that would be joined with other parts."""
    if options.by == BY_FRAME:
        raise ConfigError(
            "parts.join with parts.by frame cannot be used for a live source: after a frame that "
            "one camera loses, all later parts would be joined wrongly; use parts.by trigger"
        )
    if options.triggers is not None:
        raise ConfigError(
            "parts.triggers cannot be used for live sources with parts.join, because their first "
            "frames have different times; announce the parts by messages (the list triggers) or "
            "from a program"
        )


def _make_rolls(config: Config, run: RunInfo, tracking: TrackingStage | None) -> RollStage | None:
    if not config.rolls.enabled:
        return None
    prefix, live = f"{run.run_id}/{run.source_name}", run.source.live
    if tracking is None:
        return RollStage(config.rolls, prefix, live=live, tracked=False)
    return RollStage(
        config.rolls,
        prefix,
        live=live,
        tracked=True,
        web_length_m=lambda: tracking.web_length_m,
    )


def _make_grouping(options: PartOptions, book: PartBook, prefix: str, source: Source) -> Grouping:
    if options.by == BY_FRAME:
        return SequenceGrouping(book, count_frames(prefix, options.frames or 1))
    if options.by == BY_NAME:
        assert options.name_pattern is not None  # check_parts
        if not isinstance(source, NamesFrames):
            raise ConfigError("parts.by name needs a folder or a glob of pictures as source")
        named, earlier = source, source if isinstance(source, NamesEarlierFrames) else None
        find_slot = match_names(
            lambda: named.names,
            options.name_pattern,
            options.frames,
            lambda: () if earlier is None else earlier.earlier_names,
        )
        return SequenceGrouping(book, find_slot)
    presence = _make_presence(options)
    if options.by == BY_ZONE:
        assert presence is not None  # check_parts
        return ZoneGrouping(book, prefix, presence, options.frames, options.gap_frames)
    rules = TriggerRules(options.window_s, options.frames, options.timeout_s)
    triggers = () if options.triggers is None else read_triggers(Path(options.triggers))
    later = source if isinstance(source, BeginsLater) and source.info.live else None
    return TriggerGrouping(
        book,
        prefix,
        rules,
        live=source.info.live,
        presence=presence,
        triggers=triggers,
        began_s=lambda: None if later is None else later.began_s,
    )


def _make_presence(options: PartOptions) -> ZonePresence | None:
    if options.zone is None:
        return None
    empty = None if options.empty is None else _read_empty(Path(options.empty))
    return ZonePresence(
        options.zone,
        min_difference=options.min_difference,
        min_share=options.min_share,
        empty=empty,
    )


def _read_empty(path: Path) -> Image:
    try:
        return decode_picture(path)
    except DataError as exc:
        raise ConfigError(f"parts.empty: {exc}") from exc
