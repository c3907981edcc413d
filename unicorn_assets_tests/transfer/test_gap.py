"""Gap figures against cases worked out by hand."""

import numpy as np
import pytest

from unicorn_assets.errors import TransferError
from unicorn_assets.transfer.gap import gap_figures
from unicorn_assets.transfer.mean_shift import MeanShift
from unicorn_assets.transfer.statistics import Moments


def fit(rows, renormalise=True):
    moments = Moments(rows.shape[1])
    moments.add(rows)
    return MeanShift.fit(moments, renormalise=renormalise)


def test_three_rows_by_hand():
    # Mean (1/3, 1/3, 1/3); each row less it has the norm sqrt(2/3), so renormalising scales all alike.
    rows = np.eye(3)
    figures = gap_figures([rows], fit(rows))
    assert figures.rows == 3
    assert figures.lost == 0
    assert figures.centroid_norm_before == pytest.approx(np.sqrt(1 / 3))
    assert figures.cosine_before == pytest.approx(np.sqrt(1 / 3))
    assert figures.centroid_norm_after == pytest.approx(0, abs=1e-7)
    assert figures.cosine_after == pytest.approx(0, abs=1e-7)


def test_rows_that_the_fit_did_not_see_keep_part_of_the_common_direction():
    rows = np.array([[1.0, 0], [0.8, 0.6], [0.8, -0.6]])
    figures = gap_figures([rows], MeanShift(np.array([0.5, 0.0]), renormalise=False))
    # Shifted: (0.5, 0), (0.3, 0.6), (0.3, -0.6); the common direction is (1, 0).
    assert figures.centroid_norm_before == pytest.approx(2.6 / 3)
    assert figures.centroid_norm_after == pytest.approx(1.1 / 3)
    assert figures.cosine_after == pytest.approx((1 + 2 * 0.3 / np.sqrt(0.45)) / 3)


def test_chunks_change_nothing_and_lost_rows_count_nowhere():
    rows = np.random.default_rng(0).normal(0.5, 1, size=(50, 8))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    method = MeanShift(rows[7].copy())
    whole = gap_figures([rows], method)
    cut = gap_figures([rows[:7], rows[7:8], rows[8:]], method)
    assert (whole.rows, whole.lost) == (cut.rows, cut.lost) == (49, 1)
    assert whole.centroid_norm_after == pytest.approx(cut.centroid_norm_after, abs=1e-12)
    assert whole.cosine_after == pytest.approx(cut.cosine_after, abs=1e-12)


def test_a_wrong_row_is_named_over_all_chunks():
    rows = np.eye(3)
    bad = np.array([[0.0, 0, 2]])
    with pytest.raises(TransferError, match="Row 3 is not of unit norm"):
        gap_figures([rows, bad], fit(rows))


def test_no_rows_have_no_figures():
    with pytest.raises(TransferError, match="There are 0 embeddings"):
        gap_figures([], fit(np.eye(3)))
