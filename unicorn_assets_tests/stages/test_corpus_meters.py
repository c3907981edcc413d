"""Meters of all shards together against those of one shard, and where a shard lacks something."""

from collections import Counter
from math import ceil

import numpy as np
import pytest

from unicorn_assets.curation.collapse import entropy, vendi_score
from unicorn_assets.errors import LakeError
from unicorn_assets.identity import shard_names
from unicorn_assets.lake.shards import read_rows
from unicorn_assets.lake.vectors import iter_vectors
from unicorn_assets.release.meters import PARTS
from unicorn_assets.stages import corpus_meters as module
from unicorn_assets.stages.corpus_meters import STEPS, corpus_meters, merged
from unicorn_assets_tests.conftest import materialize


def test_meters_merge_by_their_words():
    one = {"texts": 2, "words": 10, "distinct_1": 0.5, "self_bleu": 0.2}
    other = {"texts": 6, "words": 30, "distinct_1": 0.9, "self_bleu": 0.6}
    assert merged([one, {}, other]) == {"texts": 8, "words": 40, "distinct_1": 0.8, "self_bleu": 0.5}
    assert merged([]) == merged([{}]) == {}


def test_the_release_tells_the_meters_of_all_shards(home, recipe):
    outcomes = materialize(home, recipe)
    shards = shard_names(recipe.shards)
    found = outcomes["release", "all"].sidecar.metrics
    told = corpus_meters(home.lake, shards)
    assert told.items() <= found.items()
    rows = np.concatenate(
        [np.concatenate([v for _, v in iter_vectors(home.lake.vectors("text_embeddings", shard))]) for shard in shards]
    ).astype(np.float64)
    assert told["vendi_score"] == pytest.approx(vendi_score(rows.T @ rows / len(rows)), abs=1e-3)
    kept = [outcomes["curated_captions", shard].sidecar.rows_out for shard in shards]
    assert told["captions_diversity"]["texts"] == sum(kept)
    types = [outcomes["instruction_dialogs", shard].sidecar.metrics["question_types"] for shard in shards]
    summed = {name: sum(one.get(name, 0) for one in types) for name in set().union(*types)}
    assert told["question_entropy"] == pytest.approx(entropy(summed), abs=1e-4)
    assert corpus_meters(home.lake, ["shard-0999"]) == {}


def test_quality_and_topics_are_those_of_the_curated_captions(home, recipe):
    materialize(home, recipe)
    shards = shard_names(recipe.shards)
    told = corpus_meters(home.lake, shards)
    rows = [row for shard in shards for row in read_rows(home.lake.rows("curated_captions", shard))]
    topic = {row["id"]: row["topic"] for shard in shards for row in read_rows(home.lake.rows("caption_seeds", shard))}
    scores = sorted(row["quality"] for row in rows)
    quality = told["quality"]
    assert quality["captions"] == len(rows) > 0
    assert quality["mean"] == pytest.approx(np.mean(scores), abs=1e-4)
    assert quality["median"] == pytest.approx(scores[ceil(len(scores) / 2) - 1], abs=1 / STEPS)
    assert quality["low"] == pytest.approx(scores[ceil(len(scores) * 0.05) - 1], abs=1 / STEPS)
    assert quality["high"] == pytest.approx(scores[ceil(len(scores) * 0.95) - 1], abs=1 / STEPS)
    parts = {name: quality[name] for name in PARTS}
    assert parts == pytest.approx({name: np.mean([row[name] for row in rows]) for name in PARTS}, abs=1e-4)
    topics = Counter(topic[row["id"]] for row in rows if topic[row["id"]])
    assert (told["topics"], told["topic_entropy"]) == (len(topics), pytest.approx(entropy(topics), abs=1e-4))


def test_a_damaged_file_of_captions_is_named(home, recipe):
    materialize(home, recipe)
    path = home.lake.rows("curated_captions", "shard-0001")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(LakeError, match="shard-0001"):
        corpus_meters(home.lake, shard_names(recipe.shards))


def test_few_vectors_of_each_shard_are_enough(home, recipe, monkeypatch):
    materialize(home, recipe)
    shards = shard_names(recipe.shards)
    monkeypatch.setattr(module, "VECTORS", 0)
    monkeypatch.setattr(module, "_LEAST_OF_A_SHARD", 3)
    parts = [next(iter_vectors(home.lake.vectors("text_embeddings", shard), 3))[1] for shard in shards]
    rows = np.concatenate(parts).astype(np.float64)
    assert len(rows) == 3 * len(shards)
    score = corpus_meters(home.lake, shards)["vendi_score"]
    assert score == pytest.approx(vendi_score(rows.T @ rows / len(rows)), abs=1e-3)
