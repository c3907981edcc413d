"""Withdrawn seeds and sources: out by every route, all rows accounted for, nothing else moved."""

import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from unicorn_assets.identity import sample_id
from unicorn_assets.recipe import Seeds
from unicorn_assets.synthesis.seeds.gather import gather
from unicorn_assets.synthesis.seeds.rows import Withdrawn
from unicorn_assets_tests.synthesis.seeds.gathering import CAPTIONS, captions
from unicorn_assets_tests.synthesis.seeds.test_gather_properties import SLOW, TABLE

DOG, CAT = "A dog runs home", "A cat runs home"


class Found:
    """What a gathering with withdrawals gave."""

    def __init__(self, folder, sources, *, seeds=(), gone=None, shards=3):
        paths = [folder / name for name in ("out.parquet", "aside.parquet", "work")]
        rule = Withdrawn(frozenset(map(sample_id, seeds)), gone or {})
        self.counts = gather(Seeds(sources=tuple(sources)), shards, *paths, withdrawn=rule)
        self.seeds = pq.read_table(paths[0]).to_pylist()
        self.aside = pq.read_table(paths[1]).to_pylist()
        self.bytes = [path.read_bytes() for path in paths[:2]]

    @property
    def texts(self):
        return {row["seed"] for row in self.seeds}

    def reasons(self):
        return [(row["source"], row["row"], row["reason"]) for row in self.aside]


def test_a_withdrawn_seed_is_out_of_every_source_and_spelling_and_its_text_is_not_kept(tmp_path):
    one = captions(tmp_path, "one.jsonl", [DOG, CAT, "A  dog runs home ."])
    two = captions(tmp_path, "two.csv", ["A cow runs home", DOG])
    found = Found(tmp_path, [one, two], seeds=["A dog runs home", "A dog runs home."])
    assert found.texts == {CAT, "A cow runs home"}
    assert found.reasons() == [("one", 1, "withdrawn"), ("one", 3, "withdrawn"), ("two", 3, "withdrawn")]
    assert {row["outcome"] for row in found.aside} == {"rejected"}
    assert found.aside[0]["id"] == sample_id(DOG)
    assert {row["text"] for row in found.aside} == {""}
    assert found.counts.rejected == {"withdrawn": 3}


def test_only_the_bucket_that_loses_the_row_changes(tmp_path):
    source = captions(tmp_path, "one.jsonl", CAPTIONS)
    before, after = Found(tmp_path, [source]), Found(tmp_path, [source], seeds=[DOG])
    lost = next(row["shard"] for row in before.seeds if row["seed"] == DOG)
    assert {name for name, digest in before.counts.buckets.items() if after.counts.buckets[name] != digest} == {lost}


def test_nothing_steps_in_for_a_withdrawn_seed(tmp_path):
    rows = [{"caption": text, "image_id": 7} for text in CAPTIONS]
    source = captions(tmp_path, "one.jsonl", rows)
    (kept,) = Found(tmp_path, [source]).seeds
    other = captions(tmp_path, "two.jsonl", ["A hen runs home"])
    found = Found(tmp_path, [source, other], seeds=[kept["seed"]])
    assert found.texts == {"A hen runs home"}
    drawn = captions(tmp_path, "many.jsonl", CAPTIONS, draw=4)
    before = Found(tmp_path, [drawn])
    after = Found(tmp_path, [drawn], seeds=[before.seeds[0]["seed"]])
    assert after.seeds == before.seeds[1:]


def test_a_withdrawn_source_gives_way_to_the_others(tmp_path):
    one = captions(tmp_path, "one.jsonl", [{"caption": DOG, "image_id": 1}, {"caption": CAT, "image_id": 2}, "no"])
    two = captions(tmp_path, "two.jsonl", [{"caption": DOG, "image_id": 1}, {"caption": "A hen runs", "image_id": 2}])
    found = Found(tmp_path, [one, two], gone={"one": "the source one was withdrawn"})
    assert {(row["seed"], row["source"]) for row in found.seeds} == {(DOG, "two"), ("A hen runs", "two")}
    assert found.reasons() == [("one", 1, "withdrawn"), ("one", 2, "withdrawn"), ("one", 3, "too_short")]
    assert [row["id"] for row in found.aside] == [sample_id(DOG), sample_id(CAT), None]
    assert found.aside[0]["detail"] == "the source one was withdrawn"
    alone = Found(tmp_path, [two])
    assert [row["seed"] for row in alone.seeds] == [row["seed"] for row in found.seeds]


def test_without_withdrawals_the_bytes_are_as_ever(tmp_path):
    source = captions(tmp_path, "one.jsonl", [*CAPTIONS, DOG, "no"])
    assert Found(tmp_path, [source]).bytes == Found(tmp_path, [source], seeds=["A seed of nobody"]).bytes


@SLOW
@given(TABLE, TABLE, st.sets(st.sampled_from(CAPTIONS), max_size=4), st.booleans(), st.none() | st.integers(1, 4))
def test_every_row_is_accounted_for(tmp_path, one, two, gone, whole, draw):
    hen = {"caption": "A hen runs home", "image_id": None}
    sources = [captions(tmp_path, "one.jsonl", [*one, hen], draw=draw), captions(tmp_path, "two.jsonl", [*two, hen])]
    before = Found(tmp_path, sources)
    found = Found(tmp_path, sources, seeds=gone, gone={"one": "why"} if whole else None)
    for counts in (found.counts, *found.counts.sources.values()):
        assert counts.rows_in == counts.rows_out + sum(counts.rejected.values()) + sum(counts.not_selected.values())
    assert found.counts.rows_in == len(one) + len(two) + 2
    assert not found.texts & gone
    if not whole:
        assert found.texts == before.texts - gone
    assert all(row["source"] == "two" for row in found.seeds) or not whole
