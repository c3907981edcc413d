"""Captions near in meaning, by planted embeddings."""

import random

import numpy as np
import pyarrow.parquet as pq
import pytest

from unicorn_assets.errors import LakeError
from unicorn_assets.identity import sample_id
from unicorn_assets.lake.layout import ALL
from unicorn_assets.stages.duplicates import NEAR_DUPLICATES
from unicorn_assets_tests.curation.duplicates.planted import fresh, vocabulary
from unicorn_assets_tests.stages.planted_corpus import STAGE, every_caption, filled, followed


def meant(one, seed=1, twins=12):
    """Embeddings of all captions; some pairs are near in meaning, across the shards. Returns the corpus and them."""
    rng = np.random.default_rng(seed)
    every = sorted(every_caption(one))
    for sample in every:
        one.vectors[sample] = rng.normal(size=16)
    chosen = rng.permutation(every)[: 2 * twins].tolist()
    for sample, other in zip(chosen[:twins], chosen[twins:], strict=True):
        one.vectors[other] = one.vectors[sample] + rng.uniform(0, 0.3) * rng.normal(size=16)
    one.vectors = {sample: vector / np.linalg.norm(vector) for sample, vector in one.vectors.items()}
    return one


def semantic_pairs(one):
    found = pq.read_table(one.home.lake.pairs(STAGE, ALL)).to_pylist()
    return {frozenset((row["id_a"], row["id_b"])): row["similarity"] for row in found if row["how"] == "semantic"}


def test_captions_near_in_meaning_are_found_and_the_best_is_kept(corpus_at):
    one, rng = corpus_at(cosine=0.97), random.Random(1)
    known = vocabulary(rng)
    for number in range(40):
        one.captions[one.shards[number % 3]][sample_id(f"seed {number}")] = " ".join(fresh(rng, known))
    figures = meant(one).put().make().sidecar.metrics["texts"]["caption"]
    halves = {sample: vector.astype(np.float16).astype(np.float64) for sample, vector in one.vectors.items()}
    units = {sample: vector / np.linalg.norm(vector) for sample, vector in halves.items()}
    cosines = {frozenset((a, b)): float(units[a] @ units[b]) for a in units for b in units if a < b}
    true = {pair: cosine for pair, cosine in cosines.items() if cosine >= 0.97}
    ours = semantic_pairs(one)
    assert ours.keys() == true.keys()
    assert all(cosine == pytest.approx(true[pair], abs=1e-6) for pair, cosine in ours.items())
    assert 5 < figures["semantic"] == figures["lost"] == len(one.rows()) == len(ours)
    assert {(row["id"], row["twin"]) for row in one.rows()} == {(max(pair), min(pair)) for pair in true}
    assert all(row["detail"].startswith(("semantic 0.9", "semantic 1.0")) for row in followed(one))


def test_what_words_tell_is_told_by_words(corpus_at):
    one = corpus_at(cosine=0.9)
    first, second, third = sorted(sample_id(name) for name in "abc")
    one.captions["shard-0000"] = {first: "a red car in front of an old house", third: "two dogs run along a beach"}
    one.captions["shard-0001"] = {second: "a red car in front of an old house now"}
    one.vectors = dict.fromkeys((first, second, third), np.eye(16)[0])
    one.put().make()
    assert {row["id"]: (row["twin"], row["how"]) for row in one.rows()} == {
        second: (first, "lexical"), third: (first, "semantic")
    }  # fmt: skip
    assert semantic_pairs(one).keys() == {frozenset((first, third)), frozenset((second, third))}


@pytest.mark.parametrize("seed", [1, 2])
def test_in_meaning_too_shards_one_by_one_give_the_files_of_all_at_once(corpus_at, seed):
    whole = meant(filled(corpus_at("whole", cosine=0.9), seed=seed), seed).put()
    whole.make()
    assert len(semantic_pairs(whole)) > 3
    for order in ([0, 1, 2], [2, 0, 1]):
        grown = meant(filled(corpus_at(f"grown{order}", cosine=0.9), seed=seed), seed).put()
        grown.present = []
        for number in order:
            grown.present = sorted([*grown.present, grown.shards[number]])
            grown.make()
        assert grown.files() == whole.files()


@pytest.mark.parametrize("places", [(0, 1, 2), (2, 0, 1)])
def test_of_a_text_that_several_say_the_row_with_the_least_id_is_meant(corpus_at, places):
    first, second, third = sorted(sample_id(name) for name in "abc")
    shards = dict(zip((first, second, third), (f"shard-{place:04d}" for place in places), strict=True))
    near, far = np.eye(16)[:2]

    def put(name, present):
        one = corpus_at(name, cosine=0.9)
        one.captions[shards[first]] = {first: "A RED car in front of an old house"}
        one.captions[shards[second]] = {second: "a red car in front of an old house"}
        one.captions[shards[third]] = {third: "two dogs run along a sandy beach"}
        one.vectors = {first: far, second: near, third: near}
        one.present = sorted(present)
        return one.put()

    one = put("home", [shards[second], shards[third]])
    one.make()
    assert semantic_pairs(one) == {frozenset((second, third)): 1.0}
    one.present = list(one.shards)
    one.make()
    assert semantic_pairs(one) == {}
    one.captions[shards[first]] = {}
    one.put().make()
    assert semantic_pairs(one) == {frozenset((second, third)): 1.0}
    whole = put("whole", one.shards)
    whole.captions[shards[first]] = {}
    whole.put().make()
    assert one.files() == whole.files()


def test_other_embeddings_are_compared_anew_and_signatures_kept(corpus_at):
    one = meant(filled(corpus_at(cosine=0.9))).put()
    one.make()
    before, path = semantic_pairs(one), one.home.signatures("caption", "shard-0001")
    written = path.stat().st_mtime_ns
    one.vectors = {sample: -vector[::-1] for sample, vector in meant(one, seed=5).vectors.items()}
    one.put().make()
    assert path.stat().st_mtime_ns == written
    assert semantic_pairs(one).keys() != before.keys()
    again = filled(corpus_at("again", cosine=0.9))
    again.vectors = one.vectors
    again.put().make()
    assert one.files() == again.files()


def test_a_caption_without_an_embedding_is_named(corpus_at):
    one = meant(filled(corpus_at(cosine=0.9)))
    gone = sorted(one.captions["shard-0001"])[3]
    del one.vectors[gone]
    one.put()
    with pytest.raises(LakeError, match=rf"text_embeddings \[shard-0001\] holds no embedding of {gone}"):
        one.make()
    one.home.lake.vectors("text_embeddings", "shard-0002").unlink()
    with pytest.raises(LakeError, match=r"text_embeddings \[shard-0002\] is damaged"):
        one.make()


def test_meaning_enters_what_decides_only_where_it_is_compared(corpus_at):
    plain, on = corpus_at("plain").put(), corpus_at("on", cosine=0.97).put()
    without, of_questions = (NEAR_DUPLICATES.fields(one.tools) for one in (plain, on))
    assert without["caption"] == {"words": 3, "containment": 0.9}
    assert of_questions["caption"] == without["caption"] | {"semantic": {"cosine": 0.97, "version": 1}}
    assert of_questions["question"] == without["question"] == {"words": 2, "containment": None}
