"""Published gauge studies, and studies with known components of variation."""

import numpy as np

from evaluation.gauge.design import Design, Measurement, arrange

AIAG_VALUES = {
    "A": (
        (0.29, -0.56, 1.34, 0.47, -0.80, 0.02, 0.59, -0.31, 2.26, -1.36),
        (0.41, -0.68, 1.17, 0.50, -0.92, -0.11, 0.75, -0.20, 1.99, -1.25),
        (0.64, -0.58, 1.27, 0.64, -0.84, -0.21, 0.66, -0.17, 2.01, -1.31),
    ),
    "B": (
        (0.08, -0.47, 1.19, 0.01, -0.56, -0.20, 0.47, -0.63, 1.80, -1.68),
        (0.25, -1.22, 0.94, 1.03, -1.20, 0.22, 0.55, 0.08, 2.12, -1.62),
        (0.07, -0.68, 1.34, 0.20, -1.28, 0.06, 0.83, -0.34, 2.19, -1.50),
    ),
    "C": (
        (0.04, -1.38, 0.88, 0.14, -1.46, -0.29, 0.02, -0.46, 1.77, -1.49),
        (-0.11, -1.13, 1.09, 0.20, -1.07, -0.67, 0.01, -0.56, 1.45, -1.77),
        (-0.15, -0.96, 0.67, 0.11, -1.45, -0.49, 0.21, -0.49, 1.87, -2.16),
    ),
}
"""AIAG, MSA, 4th edition. Appraiser -> 3 trials -> parts 1 to 10."""

AIAG_LINEARITY = {
    2.0: (2.7, 2.5, 2.4, 2.5, 2.7, 2.3, 2.5, 2.5, 2.4, 2.4, 2.6, 2.4),
    4.0: (5.1, 3.9, 4.2, 5.0, 3.8, 3.9, 3.9, 3.9, 3.9, 4.0, 4.1, 3.8),
    6.0: (5.8, 5.7, 5.9, 5.9, 6.0, 6.1, 6.0, 6.1, 6.4, 6.3, 6.0, 6.1),
    8.0: (7.6, 7.7, 7.8, 7.7, 7.8, 7.8, 7.8, 7.7, 7.8, 7.5, 7.6, 7.7),
    10.0: (9.1, 9.3, 9.5, 9.3, 9.4, 9.5, 9.5, 9.5, 9.6, 9.2, 9.3, 9.4),
}
"""AIAG, MSA, 4th edition: reference -> 12 measurements."""

AIAG_MIXED_VERDICTS = {
    6: ("110 110 100", 1),
    7: ("111 111 101", 1),
    12: ("000 000 010", 0),
    14: ("110 111 100", 1),
    21: ("110 101 010", 1),
    22: ("001 010 110", 0),
    26: ("010 000 001", 0),
    30: ("000 001 000", 0),
    34: ("001 001 011", 0),
    36: ("110 111 101", 1),
    43: ("101 111 110", 1),
}
"""AIAG, MSA, 4th edition, 50 parts: those without a unanimous verdict. Part -> verdicts of the
appraisers A, B, C, and the reference; 1 is PASS. Of the others, 28 pass and 11 fail."""


def aiag_rows() -> list[Measurement]:
    return [
        Measurement(str(part + 1), appraiser, str(trial + 1), value)
        for appraiser, trials in AIAG_VALUES.items()
        for trial, values in enumerate(trials)
        for part, value in enumerate(values)
    ]


def aiag_linearity_rows() -> list[Measurement]:
    return [
        Measurement(f"{reference:g}", "A", str(trial), value, reference)
        for reference, values in AIAG_LINEARITY.items()
        for trial, value in enumerate(values)
    ]


def aiag_verdict_rows() -> list[Measurement]:
    unanimous = [(f"pass {k}", "111 111 111", 1) for k in range(28)]
    unanimous += [(f"fail {k}", "000 000 000", 0) for k in range(11)]
    mixed = [(str(part), *rest) for part, rest in AIAG_MIXED_VERDICTS.items()]
    return [
        Measurement(part, appraiser, str(trial), float(verdict), float(reference))
        for part, verdicts, reference in (*mixed, *unanimous)
        for appraiser, trials in zip("ABC", verdicts.split(), strict=True)
        for trial, verdict in enumerate(trials)
    ]


def random_design(
    seed: int,
    shape: tuple[int, int, int] = (10, 3, 3),
    *,
    part: float = 3.0,
    appraiser: float = 0.5,
    interaction: float = 0.0,
    repeat: float = 1.0,
    nested: bool = False,
) -> Design:
    """A study whose components have these standard deviations. shape: parts, appraisers, trials."""
    random = np.random.default_rng(seed)
    parts, appraisers, trials = shape
    values = (
        part * random.normal(size=(parts, appraisers if nested else 1, 1))
        + appraiser * random.normal(size=(1, appraisers, 1))
        + interaction * random.normal(size=(parts, appraisers, 1))
        + repeat * random.normal(size=shape)
    )
    return arrange(
        [
            Measurement(f"{p}/{a}" if nested else str(p), str(a), str(t), float(values[p, a, t]))
            for p in range(parts)
            for a in range(appraisers)
            for t in range(trials)
        ]
    )
