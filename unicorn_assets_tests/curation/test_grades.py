"""What graded captions tell: means, rank correlation, and when a low mean is no accident."""

import numpy as np
import pytest

from unicorn_assets.curation.grades import below, figures, merged, spearman


def grade(value):
    return {"fluent": value, "grade": value}


def test_spearman_with_and_without_ties():
    one = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    assert spearman(one, one**3) == pytest.approx(1.0)
    assert spearman(one, -one) == pytest.approx(-1.0)
    assert spearman(one, np.array([5.0, 6.0, 7.0, 8.0, 7.0])) == pytest.approx(0.8207827)  # Wikipedia's with mean ranks
    assert spearman(np.array([1.0, 1.0, 2.0, 2.0]), np.array([1.0, 2.0, 2.0, 3.0])) == pytest.approx(0.7071068)
    assert spearman(one, np.ones(5)) is None


def test_figures_count_and_leave_out_what_cannot_be_read():
    told = figures([grade(4), None, grade(2), grade(3)], [0.9, 0.1, 0.5, 0.7])
    assert told == {"asked": 4, "unreadable": 1, "fluent": 3.0, "grade": 3.0, "deviation": 1.0}
    assert figures([None], [0.5]) == {"asked": 1, "unreadable": 1}
    assert figures([], []) == {"asked": 0, "unreadable": 0}
    assert figures([grade(4)], [0.5])["deviation"] == 0.0
    many = figures([grade(number) for number in range(12)], list(range(12)))
    assert many["rank_correlation"] == 1.0


def test_means_of_shards_are_weighted_by_what_could_be_read():
    one, two = figures([grade(4)] * 3 + [None], [0.5] * 4), figures([grade(1)], [0.5])
    assert merged([one, two, figures([], [])]) == {"asked": 5, "unreadable": 1, "fluent": 3.25, "grade": 3.25}
    assert merged([figures([None], [0.5])]) == {"asked": 1, "unreadable": 1}
    assert merged([]) == {}


def test_a_low_mean_of_few_is_not_held_against_a_shard():
    assert not below(figures([grade(1), grade(4)], [0.5, 0.5]), 3.0)
    assert not below(figures([grade(1)], [0.5]), 3.0)
    assert not below(figures([None, None], [0.5, 0.5]), 3.0)
    assert below(figures([grade(1), grade(4)] * 200, [0.5] * 400), 3.0)
    assert not below(figures([grade(3), grade(4)] * 200, [0.5] * 400), 3.0)
