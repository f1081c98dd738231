"""The options of the pipeline: the section `pipeline` of the configuration."""

from dataclasses import dataclass

from inspector.core.schema import AtLeastOne, Positive


@dataclass(frozen=True, slots=True)
class PipelineOptions:
    """Named as the parameters of Pipeline. max_errored_in_a_row: so many frames in a row that could
    not be judged end the run; None: never. stall_timeout_s: a stage that works longer on one frame
    ends the run; None: never."""

    max_errored_in_a_row: AtLeastOne | None = 300
    stall_timeout_s: Positive | None = 60.0
