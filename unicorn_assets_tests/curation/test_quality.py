"""The quality of a caption: each part by a case worked out by hand, and what must hold of the sum."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicorn_assets.curation.quality import DETAILS, QUALITY_VERSION, WEIGHTS, Quality, moving_ratio, quality
from unicorn_assets.curation.rules import judge, measures
from unicorn_assets.judging import Curation
from unicorn_assets_tests.curation.test_rules import CAPTION, SEED


def parts(words, **given):
    return quality(words, **({"seed_words": 1.0, "repetition": 0.0, "details": set()} | given))


def test_weights_sum_to_one_and_name_the_parts():
    assert sum(WEIGHTS.values()) == pytest.approx(1)
    assert Quality(1, 1, 1, 1, 1).score == pytest.approx(1)
    assert Quality(0, 0, 0, 0, 0).score == 0


@pytest.mark.parametrize(
    ("count", "fit"), [(0, 0), (20, 0), (40, 0.5), (60, 1), (200, 1), (341.5, 0.5), (483, 0), (900, 0)]
)
def test_length_fit(count, fit):
    assert parts(["word"] * int(count)).length_fit == pytest.approx(fit, abs=0.002)


def test_fresh_falls_with_repetition():
    assert [parts(["a"], repetition=share).fresh for share in (0, 0.05, 0.2, 0.9)] == [1, 0.75, 0, 0]


def test_specificity_counts_details():
    half = {str(number) for number in range(DETAILS // 2)}
    assert parts(["a"], details=half).specificity == 0.5
    assert parts(["a"], details=[str(number) for number in range(2 * DETAILS)]).specificity == 1


def test_moving_ratio():
    assert moving_ratio([]) == 0
    assert moving_ratio(["a", "b", "a"]) == pytest.approx(2 / 3)
    # windows of two: ab ba aa ab
    assert moving_ratio(["a", "b", "a", "a", "b"], window=2) == pytest.approx((1 + 1 + 0.5 + 1) / 4)


@given(st.lists(st.sampled_from("abcdefgh"), max_size=60), st.integers(1, 20))
def test_moving_ratio_equals_counting_each_window(words, window):
    windows = [words[start : start + window] for start in range(max(len(words) - window, 0) + 1)]
    plain = sum(len(set(one)) / len(one) for one in windows if one) / len(windows)
    assert moving_ratio(words, window) == pytest.approx(plain)


@given(
    st.lists(st.text("abc", min_size=1, max_size=3), max_size=90),
    st.floats(0, 1),
    st.floats(0, 1),
    st.sets(st.text(max_size=3), max_size=80),
)
def test_all_parts_and_the_score_lie_between_0_and_1(words, kept, repetition, details):
    found = quality(words, seed_words=kept, repetition=repetition, details=details)
    assert all(0 <= getattr(found, part) <= 1 for part in WEIGHTS)
    assert 0 <= found.score <= 1 + 1e-9


def test_a_good_caption_beats_a_repetitive_and_a_bare_one():
    good = measures(SEED, CAPTION).quality.score
    looped = measures(SEED, "Two dogs run along a sandy beach. " * 12).quality.score
    bare = measures(SEED, SEED).quality.score
    assert good > 0.85 > 0.7 > max(looped, bare)


def test_the_threshold_rejects_with_the_parts_named_and_asks_nothing_of_what_is_broken_already():
    score = measures(SEED, CAPTION).quality.score
    assert judge(SEED, CAPTION, Curation(min_quality=score)) == []
    (reason,) = judge(SEED, CAPTION, Curation(min_quality=min(score + 0.01, 1)))
    assert reason.code == "low_quality"
    assert all(part in reason.detail for part in WEIGHTS)
    short = judge(SEED, SEED, Curation(min_quality=1.0))
    assert [reason.code for reason in short] == ["too_short"]


GOLDEN = {1: (1.0, 1.0, 1.0, 0.944828, 0.866667)}


def test_figures_change_only_with_the_version():
    found = measures(SEED, CAPTION).quality
    figures = tuple(round(getattr(found, part), 6) for part in WEIGHTS)
    assert figures == GOLDEN[QUALITY_VERSION], "another figure needs a new QUALITY_VERSION"
