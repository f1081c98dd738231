"""The options of the pipeline: the section `pipeline` of the configuration."""

from dataclasses import dataclass

from inspector.core.schema import AtLeastOne, Seconds


@dataclass(frozen=True, slots=True)
class PipelineOptions:
    """The fields have the names of the parameters of Pipeline.

    max_errored_in_a_row: the run ends after this many frames in a row that could not be judged;
    frames without product do not count; None: never. stall_timeout_s: the run ends if a stage works
    longer on one frame; None: never.
    """

    max_errored_in_a_row: AtLeastOne | None = 300
    stall_timeout_s: Seconds | None = 60.0
