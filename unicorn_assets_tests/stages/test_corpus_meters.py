"""Meters of all shards together against those of one shard, and where a shard lacks something."""

import numpy as np
import pytest

from unicorn_assets.curation.collapse import entropy, vendi_score
from unicorn_assets.identity import shard_names
from unicorn_assets.lake.vectors import iter_vectors
from unicorn_assets.stages import corpus_meters as module
from unicorn_assets.stages.corpus_meters import corpus_meters, merged
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
