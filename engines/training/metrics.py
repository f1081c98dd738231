"""How well scores separate normal from anomalous."""

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata


def auroc(scores: npt.NDArray[np.floating], anomalous: npt.NDArray[np.bool_]) -> float:
    """Chance that an anomalous one scores above a normal one, ties counted half (Mann-Whitney).

    Both of any shape, the same. Raises ValueError where one of the two kinds is missing.
    """
    truth = anomalous.ravel()
    positives = int(truth.sum())
    negatives = truth.size - positives
    if not positives or not negatives:
        raise ValueError("AUROC needs normal and anomalous samples")
    ranks = rankdata(scores.ravel())
    return float((ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * negatives))
