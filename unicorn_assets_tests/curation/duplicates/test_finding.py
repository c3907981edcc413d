import random

import numpy as np
import pytest
from datasketch import MinHash, MinHashLSH

from unicorn_assets.curation.duplicates import pairs
from unicorn_assets.curation.duplicates.banding import RECALL, bands, candidates, shape
from unicorn_assets.curation.duplicates.finding import HOW, Near, find, joined
from unicorn_assets.curation.duplicates.nodes import NONE, nodes
from unicorn_assets.curation.duplicates.pairs import TooManyPairsError, packed, unpacked
from unicorn_assets.curation.duplicates.signatures import signatures
from unicorn_assets.curation.duplicates.sketches import sketches
from unicorn_assets_tests.curation.duplicates.planted import changed, corpus, fresh, near, shingles, vocabulary

JACCARD, CONTAINED = 0.8, 0.9


def signed(shards, threshold=JACCARD):
    """The signatures of some shards of texts."""
    nothing = next(signatures(["x"], 3, threshold))
    parts = [getattr(nothing, name)[:0] for name in ("keys", "shingles", "bands", "samples")]
    nothing = type(nothing)(*parts, nothing.offsets[:1])
    return [next(signatures(shard, 3, threshold), nothing) for shard in shards]


def made(*shards):
    """The nodes of some shards of texts."""
    return nodes(signed(shards))


def found(*shards, new=None, contained=CONTAINED, asked=None):
    """Pairs as keys, with their similarity and how."""
    texts = [text for shard in shards for text in shard]
    whole = made(*shards)
    asked = [] if asked is None else asked

    def texts_of(wanted):
        asked.extend(whole.row[wanted].tolist())
        return [texts[row] for row in whole.row[wanted]]

    mask = np.ones(len(whole), bool) if new is None else ~whole.in_shards(~np.array(new))
    sketched = sketches(whole, signed(shards), mask)
    pairs_found = find(sketched, texts_of, words=3, jaccard=JACCARD, contained=contained)
    keys = whole.keys.tolist()
    return {
        (keys[a], keys[b]): (float(similarity), HOW[how])
        for a, b, similarity, how in zip(
            pairs_found.first.tolist(),
            pairs_found.second.tolist(),
            pairs_found.similarity,
            pairs_found.how,
            strict=True,
        )
    }


def brute(texts):
    """The same by brute force, over distinct texts."""
    key = {text: int(next(signatures([text], 3, JACCARD)).keys[0]) for text in texts}
    distinct = list({key[text]: text for text in texts}.values())
    return {
        tuple(sorted((key[distinct[a]], key[distinct[b]]))): (float(np.float32(similarity)), how)
        for (a, b), (similarity, how) in near(distinct, 3, JACCARD, CONTAINED).items()
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_brute_force_finds_is_found_and_nothing_else(seed):
    texts = corpus(seed, texts=240)
    ours, true = found(texts), brute(texts)
    assert ours.items() <= true.items()
    lexical = {pair for pair, (_, how) in true.items() if how == "lexical"}
    contained = true.keys() - lexical
    assert len(lexical) > 15
    assert len(contained) > 20
    assert len(lexical & ours.keys()) >= 0.95 * len(lexical)
    assert len(contained & ours.keys()) >= 0.95 * len(contained)


def test_lexical_pairs_are_those_of_datasketch():
    texts = corpus(seed=9, texts=200)
    lsh = MinHashLSH(params=shape(JACCARD), num_perm=128)
    sketched = {}
    for number, text in enumerate(texts):
        one = MinHash(num_perm=128, seed=1)
        one.update_batch([" ".join(shingle).encode() for shingle in shingles(text, 3)])
        sketched[number] = one
        lsh.insert(number, one)
    key = [int(next(signatures([text], 3, JACCARD)).keys[0]) for text in texts]
    theirs = {
        tuple(sorted((key[number], key[other])))
        for number, one in sketched.items()
        for other in lsh.query(one)
        if key[other] != key[number]
    }
    true = {pair for pair, (_, how) in brute(texts).items() if how == "lexical"}
    ours = found(texts, contained=None).keys()
    assert len(ours ^ (theirs & true)) <= 0.05 * len(true)


def test_shards_one_by_one_give_what_all_at_once_do():
    texts = corpus(seed=5, texts=200)
    parts = [texts[start::4] for start in range(4)]
    whole = found(*parts)
    grown = {}
    for number in range(1, 5):
        new = [False] * (number - 1) + [True]
        grown |= found(*parts[:number], new=new)
    assert grown == whole
    assert found(*reversed(parts)) == whole
    rng = random.Random(1)
    rng.shuffle(texts)
    assert found(texts) == whole


def test_of_old_texts_only_candidates_are_read():
    rng = random.Random(2)
    known = vocabulary(rng)
    old = [" ".join(fresh(rng, known)) for _ in range(300)]
    twin = " ".join(changed(rng, known, old[17].split(), 1))
    asked = []
    ours = found(old, [twin, "something else that is new"], new=[False, True], asked=asked)
    assert len(ours) == 1
    assert sorted(asked) == [17, 300]


def test_equal_texts_are_one_node_and_texts_without_words_none():
    whole = made(["A cat.", "a CAT", "", "dog"], [], ["a cat", "!!"])
    assert len(whole) == 2
    assert whole.of_row[2] == whole.of_row[5] == NONE
    assert whole.of_row[0] == whole.of_row[1] == whole.of_row[4] != whole.of_row[3]
    assert whole.starts.tolist() == [0, 4, 4, 6]
    assert [side.tolist() for side in whole.place_of(np.array([0, 3, 4]))] == [[0, 0, 2], [0, 3, 0]]
    assert whole.in_shards(np.array([False, True, True])).sum() == 1


@pytest.mark.parametrize("shards", [[], [[]], [[], []], [["", "!"]], [["one"]], [["one", "two", "one two"]]])
def test_little_or_nothing_to_compare(shards):
    assert found(*shards) == {}


def test_texts_of_few_words_are_near_where_their_words_are_the_same():
    whole = made(["cat", "Cat!", "cat dog", "dog cat"])
    assert len(whole) == 3
    assert found(["cat", "Cat!", "cat dog", "dog cat"]) == {}


def test_other_scripts():
    japanese = "赤い車が古い家の前に止まっている。雨が降っていて、道は濡れている。猫が窓から外を見ている。"
    hindi = "एक लाल कार एक पुराने घर के सामने खड़ी है और बारिश हो रही है जबकि एक बिल्ली खिड़की से देख रही है"
    ours = found([japanese, japanese.replace("猫", "犬"), "全く別の文章がここにあります", hindi])
    assert [how for _, how in ours.values()] == ["lexical"]
    assert next(iter(found([hindi, hindi + " अभी"]).values()))[1] == "lexical"


def test_a_caption_in_a_longer_one_is_contained():
    rng = random.Random(3)
    known = vocabulary(rng)
    short = fresh(rng, known, 30, 30)
    long = fresh(rng, known, 60, 60) + short + fresh(rng, known, 60, 60)
    ((similarity, how),) = found([" ".join(short)], [" ".join(long)]).values()
    assert (similarity, how) == (1.0, "contained")
    assert found([" ".join(short)], [" ".join(long)], contained=None) == {}


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.8, 0.9, 1.0])
def test_bands_reach_their_recall_and_are_no_shorter_than_need_be(threshold):
    count, rows = shape(threshold)
    assert count * rows <= 128
    assert 1 - (1 - threshold**rows) ** count >= RECALL
    assert 1 - (1 - threshold ** (rows + 1)) ** (128 // (rows + 1)) < RECALL or rows == 128


def test_candidates_are_all_pairs_that_share_a_band():
    rng = np.random.default_rng(1)
    minhash = rng.integers(0, 3, (60, 128), np.uint32)
    parts = bands(minhash, 0.5)
    whole = candidates(parts, np.ones(60, bool)).tolist()
    true = [(a << 32) | b for a in range(60) for b in range(a + 1, 60) if (parts[a] == parts[b]).any()]
    assert whole == true
    assert len(true) > 100
    new = rng.random(60) < 0.2
    first, second = unpacked(candidates(parts, new))
    assert (new[first] | new[second]).all()
    assert len(first) == sum(new[pair >> 32] or new[pair & 0xFFFFFFFF] for pair in true)


def test_more_pairs_than_can_be_held_are_refused(monkeypatch):
    monkeypatch.setattr(pairs, "MOST", 100)
    with pytest.raises(TooManyPairsError, match=r"(?s)More than 100 pairs .*\[duplicates\]"):
        candidates(np.zeros((20, 1), np.uint32), np.ones(20, bool))


def test_the_surest_of_two_findings_counts():
    def one(how, similarity):
        return Near(np.array([1]), np.array([2]), np.array([similarity], np.float32), np.array([how], np.int8))

    both = joined([one(2, 0.99), one(0, 0.8), one(1, 0.9)])
    assert (len(both), both.how[0], float(both.similarity[0])) == (1, 0, pytest.approx(0.8))
    assert len(joined([])) == 0


def test_packing_puts_the_smaller_number_first():
    assert [side.tolist() for side in unpacked(packed(np.array([5, 1]), np.array([2, 4_000_000_000])))] == [
        [2, 1], [5, 4_000_000_000]
    ]  # fmt: skip
