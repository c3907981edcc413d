"""Captions and questions near in meaning, by planted embeddings."""

import hashlib
import random

import numpy as np
import pyarrow.parquet as pq
import pytest

from unicorn_assets.errors import LakeError
from unicorn_assets.identity import sample_id
from unicorn_assets.lake.layout import ALL
from unicorn_assets.stages.duplicates import NEAR_DUPLICATES, near_duplicates
from unicorn_assets.stages.question_vectors import FOLDER
from unicorn_assets.stages.tools import Tools
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
    assert "encoder" not in of_questions


class Planted:
    """An encoder that means the same by questions that end alike; counts what it is asked."""

    dimension = 16

    def __init__(self, name="planted"):
        self.name, self.asked = name, []

    def identity(self):
        return {"model": self.name}

    def encode(self, texts):
        self.asked += texts
        rng = [np.random.default_rng(abs(hash_of(f"{self.name} {text.split()[-1]}"))) for text in texts]
        vectors = np.array([one.normal(size=16) for one in rng])
        vectors[:, 0] += [0.01 * len(text) / 100 for text in texts]
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def close(self):
        pass


def hash_of(text):
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest(), "big")


def asking(one, encoder, questions):
    """The corpus with such questions, a dialog each, spread over the shards."""
    for number, asked in enumerate(questions):
        one.questions[one.shards[number % len(one.shards)]][sample_id(f"seed {number}")] = asked
    one.tools = Tools(one.home, one.tools.recipe, make_encoder=lambda chosen: encoder)
    return one.put()


ASKED = [
    ["What is parked by the shed?", "Is there a gull above the pier?"],
    ["Which vehicle do we see near that old shed?", "How many people wait?"],
    ["What colour has the door?", "Tell me what flies over the pier?"],
    ["What is parked by the shed?", "Who leans on the gate?"],
]


def question_pairs(one):
    found = pq.read_table(one.home.lake.pairs(STAGE, ALL)).to_pylist()
    return {
        frozenset(((row["id_a"], row["turn_a"]), (row["id_b"], row["turn_b"])))
        for row in found
        if row["kind"] == "question" and row["how"] == "semantic"
    }


def test_questions_near_in_meaning_are_found_and_each_is_encoded_once(corpus_at):
    encoder = Planted()
    one = asking(corpus_at(captions=False, question_cosine=0.97), encoder, ASKED)
    first, second, third, fourth = (sample_id(f"seed {number}") for number in range(4))
    figures = one.make().sidecar.metrics["texts"]["question"]
    sheds, piers = frozenset(((second, 0), (min(first, fourth), 0))), frozenset(((first, 1), (third, 1)))
    assert question_pairs(one) == {sheds, piers}
    assert (figures["semantic"], figures["same"], figures["lost"]) == (2, 1, 3)
    # The first and the fourth dialog are in one shard, and ask the same once.
    assert sorted(encoder.asked) == sorted({text for asked in ASKED for text in asked})


def test_only_a_new_shards_questions_are_encoded_and_the_end_is_the_same(corpus_at):
    encoder = Planted()
    one = asking(corpus_at("grown", captions=False, question_cosine=0.97), encoder, ASKED)
    one.present = one.shards[:2]
    one.make()
    before = len(encoder.asked)
    one.present = list(one.shards)
    one.make()
    assert encoder.asked[before:] == ASKED[2]
    whole = asking(corpus_at("whole", captions=False, question_cosine=0.97), Planted(), ASKED)
    whole.make()
    assert one.files() == whole.files()


def test_embeddings_that_are_damaged_or_of_another_encoder_are_made_again(corpus_at):
    encoder = Planted()
    one = asking(corpus_at("one", captions=False, question_cosine=0.97), encoder, ASKED)
    one.present = one.shards[:2]
    one.make()
    [path] = one.home.signatures(FOLDER, "*").parent.glob("shard-0001.*")
    path.write_bytes(path.read_bytes()[:100])
    encoder.asked.clear()
    one.present = list(one.shards)
    one.make()
    assert sorted(encoder.asked) == sorted(ASKED[1] + ASKED[2])
    whole = asking(corpus_at("whole", captions=False, question_cosine=0.97), Planted(), ASKED)
    whole.make()
    assert one.files() == whole.files()
    other = Planted("another")
    asking(one, other, ASKED).make()
    assert sorted(other.asked) == sorted({text for asked in ASKED for text in asked})
    assert len(list(path.parent.glob("*.arrow"))) == len(one.shards)


def test_questions_that_stay_are_not_encoded_for_other_words_of_a_shingle(corpus_at):
    encoder = Planted()
    one = asking(corpus_at(captions=False, question_cosine=0.97), encoder, ASKED)
    one.make()
    encoder.asked.clear()
    chosen = one.tools.recipe.duplicates.model_copy(update={"question_words": 3, "jaccard": 0.7})
    other = one.tools.recipe.model_copy(update={"duplicates": chosen})
    one.home.adopt(other, change=True)
    one.tools = Tools(one.home, other, make_encoder=lambda chosen: encoder)
    assert not one.make().reused
    assert encoder.asked == []


def test_what_a_killed_writer_left_goes(corpus_at):
    one = asking(corpus_at(question_cosine=0.97), Planted(), ASKED)
    folders = [one.home.signatures(name, "*").parent for name in ("caption", "question", FOLDER)]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / ".shard-0000.arrow.4242.tmp").write_bytes(b"half a file")
    one.make()
    assert not [path for folder in folders for path in folder.glob("*.tmp")]


def test_embeddings_of_questions_go_where_they_are_not_wanted(corpus_at):
    one = asking(corpus_at(captions=False, question_cosine=0.97), Planted(), ASKED)
    one.make()
    folder = one.home.signatures(FOLDER, "*").parent
    assert len(list(folder.glob("*.arrow"))) == 3
    chosen = one.tools.recipe.duplicates.model_copy(update={"question_cosine": None})
    plain = one.tools.recipe.model_copy(update={"duplicates": chosen})
    one.home.adopt(plain, change=True)
    one.tools = Tools(one.home, plain)
    one.make()
    assert not list(folder.glob("*.arrow"))
    assert question_pairs(one) == set()


def test_questions_are_encoded_on_the_gpu_lane_and_the_encoder_decides(corpus_at):
    one = asking(corpus_at(question_cosine=0.97), Planted(), ASKED)
    stage = near_duplicates(one.tools.recipe)
    assert (stage.lane, NEAR_DUPLICATES.lane) == ("gpu", "cpu")
    fields = stage.fields(one.tools)
    assert fields["encoder"] == {"model": "planted"}
    assert fields["question"]["semantic"] == {"cosine": 0.97, "version": 1}
    assert near_duplicates(corpus_at("off", questions=False, question_cosine=0.97).tools.recipe).lane == "cpu"
