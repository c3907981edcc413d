"""Figures of a spectrum by hand, and what must not change them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicorn_assets.transfer.metrics import spectrum
from unicorn_assets_tests.transfer.metrics.clouds import rotation, shape_of, units

HAND = np.array([4.0, 2, 1, 1])
FIGURES = [spectrum.anisotropy_ratio, spectrum.effective_dimension, spectrum.effective_rank, spectrum.exponent]

falling = st.lists(st.floats(1e-3, 1e3), min_size=4, max_size=12).map(lambda some: np.array(sorted(some)[::-1]))


def test_four_eigenvalues_by_hand():
    assert spectrum.shares(HAND) == (0.5, 0.25, 0.125, 0.125)
    assert spectrum.anisotropy_ratio(HAND) == 2  # 4 / (8/4)
    assert spectrum.effective_dimension(HAND) == pytest.approx(64 / 22)
    # Entropy in bits: 1/2*1 + 1/4*2 + 2*(1/8*3) = 1.75.
    assert spectrum.effective_rank(HAND) == pytest.approx(2**1.75)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.83])
def test_a_power_law_gives_its_exponent(alpha):
    assert spectrum.exponent(7 * np.arange(1, 201) ** -alpha) == pytest.approx(alpha)


def test_the_tail_does_not_bend_the_exponent():
    values = np.arange(1, 201.0) ** -2
    head = int(np.searchsorted(np.cumsum(values) / values.sum(), 0.95)) + 1
    values[head + 5 :] *= 1e-3
    assert spectrum.exponent(values) == pytest.approx(2)


def test_a_ball_fills_every_dimension_and_a_line_one():
    ball, line = np.full(6, 0.1), np.array([3.0, 0, 0, 0, 0, 0])
    assert [figure(ball) for figure in FIGURES] == pytest.approx([1, 6, 6, 0])
    assert [figure(line) for figure in FIGURES] == [6, 1, 1, None]


def test_no_variance_has_no_figures():
    assert [figure(np.zeros(5)) for figure in FIGURES] == [None] * 4
    assert spectrum.shares(np.zeros(2)) == (0, 0)


@given(values=falling, scale=st.floats(1e-3, 1e3))
def test_scale_changes_nothing_and_no_figure_leaves_its_range(values, scale):
    for figure in FIGURES[:3]:
        assert figure(scale * values) == pytest.approx(figure(values))
        assert 1 - 1e-9 <= figure(values) <= len(values) + 1e-9
    # Participation weighs long axes more than entropy does.
    assert spectrum.effective_dimension(values) <= spectrum.effective_rank(values) * (1 + 1e-9)


@given(values=falling)
def test_lengthening_the_first_axis_narrows_the_set(values):
    longer = values * np.where(np.arange(len(values)) == 0, 2.0, 1.0)
    assert spectrum.anisotropy_ratio(longer) >= spectrum.anisotropy_ratio(values)
    assert spectrum.effective_rank(longer) <= spectrum.effective_rank(values) * (1 + 1e-9)


def test_correlation_of_spectra_by_hand():
    # Logarithms in base 2: (2, 1, 0) and (1, 1, 0); centred (1, 0, -1) and (1/3, 1/3, -2/3): 1 / sqrt(2 * 2/3).
    found = spectrum.spectrum_correlation(np.array([4.0, 2, 1]), np.array([2.0, 2, 1]))
    assert found == pytest.approx(1 / math.sqrt(4 / 3))


@given(values=falling.filter(lambda some: some[0] > 1.1 * some[-1]))
def test_a_power_of_a_spectrum_correlates_wholly(values):
    assert spectrum.spectrum_correlation(values, 5 * values**2) == pytest.approx(1)


def test_flat_or_short_spectra_correlate_with_nothing():
    assert spectrum.spectrum_correlation(HAND, np.full(4, 2.0)) is None
    assert spectrum.spectrum_correlation(HAND, np.array([2.0, 1, 0, 0])) is None


def test_overlap_of_planes_by_hand():
    # Principal planes: (1, 2) against (1, 3): one of two axes is shared.
    one = shape_of(np.array([[3.0, 0, 0], [-3, 0, 0], [0, 2, 0], [0, -2, 0], [0, 0, 1], [0, 0, -1]]), unit=False)
    other = shape_of(np.array([[3.0, 0, 0], [-3, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 2], [0, 0, -2]]), unit=False)
    assert spectrum.subspace_overlap(one, other, 1) == pytest.approx(1)
    assert spectrum.subspace_overlap(one, other, 2) == pytest.approx(0.5)
    assert spectrum.subspace_overlap(one, other) == pytest.approx(1)
    assert spectrum.axes_in_both(one, other) == 3


def test_overlap_is_symmetric_full_with_itself_and_blind_to_a_common_rotation():
    one, other, turn = units(300, width=30, seed=1), units(300, width=30, seed=2), rotation(30)
    shapes = shape_of(one), shape_of(other)
    found = spectrum.subspace_overlap(*shapes, 10)
    assert spectrum.subspace_overlap(*shapes[::-1], 10) == pytest.approx(found)
    assert spectrum.subspace_overlap(shapes[0], shapes[0], 10) == pytest.approx(1)
    assert spectrum.subspace_overlap(shape_of(one @ turn), shape_of(other @ turn), 10) == pytest.approx(found)


def test_random_subspaces_overlap_by_q_over_d():
    found = [
        spectrum.subspace_overlap(shape_of(units(100, 40, seed, 0, 0)), shape_of(units(100, 40, -seed % 997, 0, 0)), 8)
        for seed in range(1, 31)
    ]
    assert np.mean(found) == pytest.approx(8 / 40, abs=0.02)


def test_no_variance_has_no_subspace():
    still = shape_of(np.tile(units(1), (5, 1)))
    assert spectrum.subspace_overlap(still, shape_of(units(50))) is None
