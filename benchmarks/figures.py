"""What a benchmark of detection comes to: ROC-AUC, precision, recall, false alarms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
AT_MOST = 0.01  # of healthy sessions may be called odd, for the recall that a household can bear


def auc(faulty: NDArray[np.bool_], score: Floats) -> float:
    """The probability that a faulty session scores above a healthy one; ties count half."""
    order = np.argsort(score, kind="stable")
    _, first, count = np.unique(score[order], return_index=True, return_counts=True)
    ranks = np.empty(len(score))
    ranks[order] = np.repeat(first + (count + 1) / 2, count)
    positive = int(faulty.sum())
    return float((ranks[faulty].sum() - positive * (positive + 1) / 2) / (positive * (len(score) - positive)))


@dataclass(frozen=True, slots=True)
class Figures:
    auc: float
    f1: float
    precision: float
    recall: float
    false_alarms: float
    recall_at_1: float  # where one healthy session in a hundred is called odd


def figures(faulty: NDArray[np.bool_], score: Floats, threshold: float) -> Figures:
    flagged = score >= threshold
    hit, alarms = int((flagged & faulty).sum()), int(flagged.sum())
    precision, recall = hit / max(alarms, 1), hit / max(int(faulty.sum()), 1)
    return Figures(
        auc(faulty, score),
        2 * precision * recall / max(precision + recall, 1e-9),
        precision,
        recall,
        float((flagged & ~faulty).sum() / max((~faulty).sum(), 1)),
        float((score[faulty] > bearable(faulty, score)).mean()),
    )


def bearable(faulty: NDArray[np.bool_], score: Floats) -> float:
    """The score that no more than one in a hundred healthy sessions exceeds."""
    return float(np.quantile(score[~faulty], 1 - AT_MOST, method="higher"))
