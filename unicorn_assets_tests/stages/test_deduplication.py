"""What the selection makes of near-duplicates: chosen anew among what earlier rules leave."""

import pytest

from unicorn_assets.errors import LakeError
from unicorn_assets.identity import sample_id
from unicorn_assets.lake.layout import ALL
from unicorn_assets_tests.stages.planted_corpus import STAGE, every_caption, filled, followed


def test_a_lost_caption_takes_its_rows_of_both_tables_along(corpus_at):
    one = filled(corpus_at()).put()
    one.make()
    found = followed(one)
    lost = {row["id"]: row for row in one.rows() if row["kind"] == "caption"}
    assert {(row["id"], row["table"]) for row in found} == {
        (sample, table) for sample in lost for table in ("pretrain", "instruction")
    }
    assert all(row["evidence"] == lost[row["id"]]["twin"] and row["reason"] == "near_duplicate" for row in found)
    assert all(row["detail"] == f"{lost[row['id']]['how']} {lost[row['id']]['similarity']:.2f}" for row in found)


def test_a_twin_that_leaves_by_an_earlier_rule_gives_back_what_lost_to_it(corpus_at):
    one = corpus_at()
    best, same, near, apart = (sample_id(name) for name in "abcd")
    one.quality = {best: 0.9, same: 0.5, near: 0.4, apart: 0.3}
    one.captions["shard-0000"] = {
        best: "a red car in front of an old house",
        near: "a red car in front of an old house now",
    }
    one.captions["shard-0001"] = {
        same: "A red car, in front of an old house!",
        apart: "now a red car in front of an old house",
    }
    one.put().make()
    assert {row["id"]: row["evidence"] for row in followed(one)} == {same: best, near: best, apart: best}
    assert {row["id"]: row["evidence"] for row in followed(one, (best, "pretrain"))} == {near: same, apart: same}
    assert followed(one, (best, "pretrain"), (same, "pretrain")) == []  # the others are near those two alone
    assert {row["id"] for row in followed(one, (best, "instruction"))} == {same, near, apart}
    assert len(one.rows()) == 3  # what is shown stays as if nothing else took anything


def test_what_is_chosen_anew_is_what_a_corpus_without_those_that_left_gives(corpus_at):
    one = filled(corpus_at(), seed=4)
    one.quality = {sample: (number * 7 % 11) / 11 for number, sample in enumerate(sorted(every_caption(one)))}
    one.put().make()
    gone = sorted(every_caption(one))[::3]
    chosen = {row["id"]: row["evidence"] for row in followed(one, *((sample, "pretrain") for sample in gone))}
    without = filled(corpus_at("without"), seed=4)
    without.quality = one.quality
    for shard in without.shards:
        for sample in gone:
            without.captions[shard].pop(sample, None)
    without.put().make()
    assert chosen == {row["id"]: row["twin"] for row in without.rows() if row["kind"] == "caption"}
    assert chosen.keys() != {row["id"] for row in one.rows() if row["kind"] == "caption"} - set(gone)


def test_a_dialog_most_of_whose_questions_are_asked_elsewhere_leaves_where_the_recipe_says_so(corpus_at):
    one = corpus_at(lost_questions=0.5)
    first, second, third = sorted(sample_id(name) for name in "abc")
    one.questions["shard-0000"] = {first: ["What is the man wearing?", "Where is the dog?"]}
    one.questions["shard-0001"] = {second: ["What is the man wearing?", "Which colour has the big house?"]}
    one.questions["shard-0002"] = {third: ["what is the man wearing", "Where is the dog?", "How many cars are there?"]}
    one.put().make()
    assert one.lost() == {(second, 0): first, (third, 0): first, (third, 1): first}
    (row,) = followed(one)
    assert (row["id"], row["table"], row["reason"], row["evidence"]) == (third, "instruction", "asked_elsewhere", first)
    assert row["detail"] == "2 of 3 questions are asked elsewhere"
    assert followed(one, (first, "instruction")) == []
    assert [row["id"] for row in followed(one, (second, "instruction"))] == [third]


def test_a_dialog_that_leaves_with_its_caption_asks_nothing(corpus_at):
    one = corpus_at(lost_questions=0.5)
    first, second, third = (sample_id(name) for name in "abc")
    one.quality = {first: 0.9, second: 0.5, third: 0.1}
    one.captions["shard-0000"] = {
        first: "a red car in front of an old house",
        second: "A red car in front of an old house!",
    }
    one.captions["shard-0001"] = {third: "two dogs run along a sandy beach"}
    one.questions["shard-0000"] = {second: ["What is the man wearing?"]}
    one.questions["shard-0001"] = {third: ["What is the man wearing?"]}
    one.put().make()
    assert one.lost() == {(second, -1): first, (third, 0): second}
    assert {(row["id"], row["reason"]) for row in followed(one)} == {(second, "near_duplicate")}
    assert {(row["id"], row["reason"]) for row in followed(one, (first, "pretrain"))} == {(third, "asked_elsewhere")}


def test_a_missing_file_of_texts_is_named(corpus_at):
    one = filled(corpus_at()).put()
    one.make()
    one.home.lake.texts(STAGE, ALL).unlink()
    with pytest.raises(LakeError, match=r"texts/all\.parquet cannot be read"):
        followed(one)
