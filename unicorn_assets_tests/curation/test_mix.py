"""A wanted mix: met exactly where it can be, as far as it goes where it cannot, and the same whatever the order."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicorn_assets.curation.mix import apportioned, chosen, plan


def shares(*texts):
    return [Fraction(text) for text in texts]


def test_the_scarcest_part_sets_the_size():
    found = plan(shares("0.5", "0.3", "0.2"), [100, 30, 90])
    assert found.quotas == (50, 30, 20)
    assert found.missing == (10, 36, 0)  # for all 220 samples to be used
    assert found.met


def test_a_total_is_met_as_far_as_it_goes():
    found = plan(shares("0.5", "0.5"), [100, 10], total=60)
    assert (found.quotas, found.missing, found.met) == ((30, 10), (0, 20), False)
    assert plan(shares("0.5", "0.5"), [100, 30], total=60).met


def test_a_part_without_a_sample_is_passed_over_and_missing():
    found = plan(shares("0.4", "0.4", "0.2"), [40, 0, 40])
    assert (found.quotas, found.met) == ((40, 0, 20), False)
    assert found.missing == (0, 32, 0)
    assert plan(shares("1"), [0]).quotas == (0,)


@pytest.mark.parametrize(
    ("parts", "size", "expected"),
    [
        (("1/3", "1/3", "1/3"), 10, [4, 3, 3]),
        (("0.1", "0.2", "0.7"), 10, [1, 2, 7]),
        (("0.5", "0.25", "0.25"), 2, [1, 1, 0]),
        (("0.5",), 3, [1]),
        ((), 7, []),
    ],
)
def test_shares_are_rounded_by_the_largest_remainder(parts, size, expected):
    assert apportioned(shares(*parts), size) == expected


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 400)), min_size=1, max_size=8))
def test_the_size_is_the_largest_that_the_shares_allow(parts):
    weights, supply = [weight for weight, _ in parts], [count for _, count in parts]
    wanted = [Fraction(weight, sum(weights)) for weight in weights]
    quotas = plan(wanted, supply).quotas
    there = [place for place, count in enumerate(supply) if count]
    assert all(quota <= count for quota, count in zip(quotas, supply, strict=True))
    if there:
        size = min(Fraction(supply[place]) / wanted[place] for place in there)
        assert all(abs(quotas[place] - wanted[place] * int(size)) < 1 for place in there)
        larger = apportioned(wanted, int(size) + 1)
        assert any(wanted[place] * (int(size) + 1) > supply[place] for place in there), larger


def test_the_smallest_draws_are_taken_whatever_the_order():
    draw = np.random.default_rng(5)
    parts, draws = draw.integers(-1, 3, 200).astype(np.int32), draw.random(200)
    taken = chosen(parts, draws, [10, 0, 500])
    assert [int(taken[parts == part].sum()) for part in (-1, 0, 1, 2)] == [0, 10, 0, int((parts == 2).sum())]
    assert draws[(parts == 0) & taken].max() < draws[(parts == 0) & ~taken].min()
    order = draw.permutation(200)
    assert np.array_equal(chosen(parts[order], draws[order], [10, 0, 500]), taken[order])
    assert (chosen(parts, draws, [11, 0, 500]) | ~taken).all()
