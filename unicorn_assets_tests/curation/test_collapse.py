"""Meters of collapse against plain forms of their definitions and cases worked out by hand."""

import zlib
from collections import Counter
from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicorn_assets.curation.collapse import compression_ratio, entropy, robust_z, self_bleu, vendi_score
from unicorn_assets.text import words


def plain_self_bleu(texts):
    """BLEU-4 of each text against all others, by its definition: one text, one run at a time."""
    scores = []
    for place, text in enumerate(texts):
        others = texts[:place] + texts[place + 1 :]
        total = 0.0
        for length in range(1, 5):
            runs = [Counter(tuple(one[at : at + length]) for at in range(len(one) - length + 1)) for one in others]
            own = Counter(tuple(text[at : at + length]) for at in range(len(text) - length + 1))
            clipped = sum(min(count, max(other[run] for other in runs)) for run, count in own.items())
            total += log((clipped or 0.1) / (sum(own.values()) or 1)) / 4
        nearest = min((abs(len(one) - len(text)), len(one)) for one in others)[1]
        scores.append(min(exp(total) * (1 if len(text) >= nearest else exp(1 - nearest / len(text))), 1))
    return sum(scores) / len(scores)


_TEXTS = st.lists(st.lists(st.sampled_from("abcde"), min_size=1, max_size=12), min_size=2, max_size=7)


@given(_TEXTS)
def test_self_bleu_equals_its_definition(texts):
    assert self_bleu(texts) == pytest.approx(plain_self_bleu(texts))
    assert 0 <= self_bleu(texts) <= 1


def test_self_bleu_of_equal_and_of_strange_texts():
    text = words("Two dogs run along a beach.")
    assert self_bleu([text, text, text]) == pytest.approx(1)
    assert self_bleu([text, words("A red kite flies over some dunes.")]) < 0.2
    assert self_bleu([text]) == self_bleu([]) == self_bleu([[], []]) == 0
    assert self_bleu([text, text, []]) == pytest.approx(1)


def test_compression_ratio_of_windows():
    stream = [f"word{number}" for number in range(30)]
    plain = " ".join(stream).encode()
    assert compression_ratio(stream, window=100) == len(plain) / len(zlib.compress(plain, 6))
    assert compression_ratio([*stream, "rest"], window=30) == compression_ratio(stream, window=30)
    assert compression_ratio([]) == 1
    assert compression_ratio(["same", "words"] * 500) > 20


def test_entropy():
    assert entropy({}) == entropy({"a": 9}) == entropy({"a": 3, "b": 0}) == 0
    assert entropy({"a": 2, "b": 2}) == 1
    assert entropy({"a": 1, "b": 1, "c": 2}) == 1.5


def direct_vendi(rows):
    """From the n x n matrix of cosines, as the paper defines it."""
    values = np.linalg.eigvalsh(rows @ rows.T / len(rows))
    values = values[values > 1e-15]
    return float(np.exp(-(values * np.log(values)).sum()))


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def moment(rows):
    return rows.T @ rows / len(rows)


@pytest.mark.parametrize(("rows", "dimension"), [(50, 8), (8, 50), (30, 30)])
def test_vendi_in_dual_form_equals_its_definition(rows, dimension):
    vectors = unit(np.random.default_rng(3).standard_normal((rows, dimension)) + 0.5)
    assert vendi_score(moment(vectors)) == pytest.approx(direct_vendi(vectors), rel=1e-9)


def test_vendi_counts_distinct_vectors():
    assert vendi_score(moment(np.eye(7))) == pytest.approx(7)
    assert vendi_score(moment(np.tile(np.eye(7)[:1], (9, 1)))) == pytest.approx(1)
    assert vendi_score(moment(np.repeat(np.eye(7)[:3], 5, axis=0))) == pytest.approx(3)
    half = unit(np.random.default_rng(1).standard_normal((40, 16))).astype(np.float16).astype(np.float64)
    assert vendi_score(moment(half)) == pytest.approx(direct_vendi(unit(half)), rel=1e-3)


def test_vendi_of_shards_is_that_of_their_moments_together():
    rows = unit(np.random.default_rng(5).standard_normal((60, 12)))
    parts = sum(part.T @ part for part in np.split(rows, [10, 25]))
    assert vendi_score(parts / len(rows)) == pytest.approx(vendi_score(moment(rows)))


def test_robust_z_is_not_moved_by_one_wild_sibling():
    others = [0.9, 1.0, 1.1, 1.0, 0.95, 1.05, 50.0]
    assert robust_z(1.0, others) == 0
    assert robust_z(2.0, others) > 8
    assert robust_z(1.02, [1.0] * 9) == pytest.approx(1)  # equal siblings have a spread of 2%
    assert robust_z(0.0, [0.0]) == 0
