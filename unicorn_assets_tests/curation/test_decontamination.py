"""Planted contamination is found, with what is shared; what only looks like it is not. Compared with brute force."""

import random

import numpy as np
import pytest

from unicorn_assets.curation.decontamination import Meanings, Ngrams, Source
from unicorn_assets.text import words

LONG = "A brown dog with a red collar leaps over a fallen log beside a quiet mountain stream at dusk."
SHORT = "What colour is the umbrella?"


def ngrams(*texts, ngram=13, min_words=5):
    return Ngrams([(Source("vqa", row, "question"), text) for row, text in enumerate(texts, 1)], ngram, min_words)


def test_thirteen_words_in_a_row_are_found_whatever_stands_around_and_between_them():
    shared = words(LONG)[3:16]
    match = ngrams(SHORT, LONG).match(f"In this picture, {', '.join(shared).upper()}! And a boat.")
    assert match.source == Source("vqa", 2, "question")
    assert match.shared == " ".join(shared)
    assert match.similarity is None


def test_twelve_are_not():
    assert ngrams(LONG).match(" ".join(words(LONG)[3:15])) is None
    assert ngrams(LONG).match(" ".join([*words(LONG)[:12], "happily", *words(LONG)[12:]])) is None


def test_a_text_of_fewer_words_counts_as_a_whole():
    found = ngrams(SHORT)
    assert found.match("Look closely. What colour is the umbrella on the left?").shared == "what colour is the umbrella"
    assert found.match("What colour is the umbrella") is not None
    assert found.match("What colour is the small umbrella?") is None
    assert found.match("umbrella the is colour What") is None


@pytest.mark.parametrize("least", [4, 5, 6])
def test_shorter_texts_than_the_least_are_left_alone(least):
    found = ngrams("Is it red?", SHORT, "", min_words=least)
    assert (found.match(SHORT) is not None) == (least < 6)
    assert found.match("Is it red?") is None


def test_without_texts_and_without_words_nothing_matches():
    assert ngrams().match(LONG) is None
    assert ngrams(LONG).match("") is None


def test_which_row_is_named_does_not_depend_on_the_order_of_the_texts():
    texts = [(Source(name, row, "caption"), LONG) for name in ("b", "a") for row in (7, 3)]
    for seed in range(4):
        found = Ngrams(random.Random(seed).sample(texts, len(texts)), 13, 5)
        assert found.match(LONG).source == Source("a", 3, "caption")


def test_it_finds_what_brute_force_finds():
    draw = random.Random(7)
    vocabulary = [f"w{number}" for number in range(3)]
    texts = [" ".join(draw.choices(vocabulary, k=draw.randint(1, 9))) for _ in range(20)]
    samples = [" ".join(draw.choices(vocabulary, k=draw.randint(0, 14))) for _ in range(400)]
    found, hits = ngrams(*texts, ngram=6, min_words=4), 0
    for sample in samples:
        padded = f" {sample} "
        grams = [
            said[start : start + min(6, len(said))]
            for text in texts
            if len(said := text.split()) >= 4
            for start in range(len(said) - min(6, len(said)) + 1)
        ]
        expected = any(f" {' '.join(gram)} " in padded for gram in grams)
        match = found.match(sample)
        assert (match is not None) == expected
        if match is not None:
            hits += 1
            assert f" {match.shared} " in padded
            assert match.shared in texts[match.source.row - 1]
    assert 20 < hits < 380


def test_near_in_meaning_is_at_or_above_the_cosine():
    texts = [(Source("captions", row, "caption"), f"text {row}") for row in (1, 2, 3)]
    vectors = np.asarray([[1, 0], [0, 1], [0, 1]], np.float32)
    rows = np.asarray([[0.8, 0.6], [0.6, 0.8], [-1, 0]], np.float32)
    first, second, third = Meanings(texts, vectors, 0.799).matches(rows.astype(np.float16))
    assert (first.source.row, first.shared, first.similarity) == (1, "text 1", pytest.approx(0.8, abs=1e-3))
    assert second.source.row == 2
    assert third is None
    assert Meanings(texts, vectors, 0.9).matches(rows) == [None, None, None]


def test_many_texts_are_compared_in_blocks(monkeypatch):
    draw = np.random.default_rng(3)
    vectors = draw.standard_normal((50, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    texts = [(Source("b", row, "caption"), str(row)) for row in range(50)]
    whole = Meanings(texts, vectors, 0.1).matches(vectors[::7])
    monkeypatch.setattr("unicorn_assets.curation.decontamination.BLOCK_ROWS", 9)
    assert Meanings(texts, vectors, 0.1).matches(vectors[::7]) == whole
    assert [one.source.row for one in whole] == list(range(0, 50, 7))
