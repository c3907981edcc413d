"""Figures of diversity against cases worked out by hand."""

import pytest

from unicorn_assets.curation.diversity import WINDOW, Opening, distinct, diversity


def test_figures_of_three_short_texts():
    found = diversity(["A red kite flies.", "A red kite falls.", "Two dogs."])
    # a red kite flies a red kite falls two dogs: a, red and kite are there twice
    assert (found.texts, found.words, found.vocabulary) == (3, 10, 7)
    assert found.distinct_1 == found.type_token_ratio == pytest.approx(7 / 10)
    # pairs: a-red red-kite kite-flies flies-a a-red red-kite kite-falls falls-two two-dogs
    assert found.distinct_2 == pytest.approx(7 / 9)
    assert found.openings == (Opening("a red kite", 2 / 3), Opening("two dogs", 1 / 3))


def test_texts_without_a_word_have_no_figures_and_count_nowhere():
    assert diversity([]) is None
    assert diversity(["", "…", "!?"]) is None
    assert diversity(["", "a dog"]).texts == 1


def test_one_word_has_no_pair_that_could_repeat():
    assert diversity(["dog"]).distinct_2 == 1.0


def test_openings_are_the_five_most_common_and_ties_are_in_order():
    found = diversity(["b c d e", "b c d f", *(f"{letter} x y" for letter in "zyxwvu")])
    assert [one.words for one in found.openings] == ["b c d", "u x y", "v x y", "w x y", "x x y"]
    assert found.openings[0].share == 2 / 8


def test_windows_are_whole_and_one_behind_the_other():
    stream = ["a", "b", "a", "a", "c", "d", "x"]
    assert distinct(stream, 1, window=3) == [2 / 3, 1.0]
    assert distinct(stream, 2, window=3) == [1.0, 1.0]
    assert distinct(stream, 1, window=100) == [5 / 7]


def test_distinct_does_not_fall_with_the_number_of_texts_beyond_a_window():
    once = [f"word{number}" for number in range(WINDOW // 2)] * 2
    assert distinct(once, 1) == [0.5]
    assert distinct(once * 3, 1) == [0.5, 0.5, 0.5]
