"""Meters of shards: what they are, which checks they fail, and that these checks decide as the recipe says."""

from types import SimpleNamespace

import numpy as np
import pytest

from unicorn_assets.errors import LakeError
from unicorn_assets.identity import shard_names
from unicorn_assets.judging import Bounds, Diversity
from unicorn_assets.lake.shards import read_rows
from unicorn_assets.stages import meters
from unicorn_assets.stages.base import Finished, Made, Work
from unicorn_assets.stages.captions import CURATED_CAPTIONS
from unicorn_assets.stages.dialogs import LETTERS_BALANCED
from unicorn_assets.stages.topics import TOPICS_KEPT, Topics
from unicorn_assets_tests.conftest import materialize

TEXTS = [
    f"Text {number} has the word{number} and the word{number + 1} beside word{3 * number}." for number in range(80)
]


def finished(recipe, found, stage=CURATED_CAPTIONS, standing=(), shard="shard-0009"):
    lake = SimpleNamespace(sidecar=lambda stage, shard: dict(standing).get(shard))
    tools = SimpleNamespace(recipe=recipe, home=SimpleNamespace(lake=lake))
    work = Work(tools, stage.name, shard, {}, "f")
    return Finished(work, stage, None, Made(0, 0, metrics=found))


def with_diversity(recipe, **values):
    return recipe.model_copy(update={"shards": 20, "diversity": Diversity(**values)})


def test_meters_of_texts_and_of_none():
    found = meters.text_meters(iter(TEXTS))
    assert found["texts"] == 80
    assert found["opening_share"] == round(1 / 80, 6)
    assert 0 < found["distinct_2"] <= 1
    assert found["compression"] > 1
    assert 0 < found["self_bleu"] < 1
    assert meters.text_meters([]) == meters.text_meters(["", "…"]) == {}


def test_meters_of_vectors():
    assert meters.vector_meters(np.eye(5, dtype=np.float32)) == {"texts": 5, "vendi": 5.0}
    assert meters.vector_meters(np.zeros((0, 5))) == {}


@pytest.mark.parametrize(
    ("bounds", "wrong"),
    [
        ({"min_distinct_2": 1.0}, "wrong/distinct_2"),
        ({"max_opening_share": 0.01}, "wrong/opening_share"),
        ({"max_compression": 1.0}, "wrong/compression"),
        ({"max_self_bleu": 0.0}, "wrong/self_bleu"),
    ],
)
@pytest.mark.parametrize(("on_fail", "severity"), [("warn", "WARN"), ("block", "ERROR")])
def test_a_shard_out_of_bounds_is_told_with_the_meter(recipe, bounds, wrong, on_fail, severity):
    found = {meters.DIVERSITY: meters.text_meters(TEXTS)}
    wide = Bounds(min_distinct_2=0.0, max_opening_share=1.0, max_compression=100.0, max_self_bleu=1.0)
    assert meters.DIVERSE.look(finished(with_diversity(recipe, captions=wide), found)).passed
    tight = wide.model_copy(update=bounds)
    finding = meters.DIVERSE.look(finished(with_diversity(recipe, captions=tight, on_fail=on_fail), found))
    assert not finding.passed
    assert finding.severity == severity
    assert [name for name in finding.figures if name.startswith("wrong/")] == [wrong]


def test_few_texts_are_held_to_nothing(recipe):
    tight = with_diversity(recipe, captions=Bounds(min_distinct_2=1.0), min_vendi=1000.0)
    for texts in ([], TEXTS[:49]):
        assert meters.DIVERSE.look(finished(tight, {meters.DIVERSITY: meters.text_meters(texts)})).passed
    assert not meters.DIVERSE.look(finished(tight, {meters.DIVERSITY: {"texts": 60, "vendi": 3.0}})).passed


def standing(stage, recipe, values):
    fields = stage.fields(SimpleNamespace(recipe=recipe)) | {"version": stage.version}
    return {
        name: SimpleNamespace(fields=dict(fields), metrics={meters.DIVERSITY: {"texts": 90, "distinct_2": value}})
        for name, value in zip(shard_names(20), values, strict=False)
    }


def test_a_shard_unlike_its_siblings_is_told(recipe):
    chosen = with_diversity(recipe)
    others = standing(CURATED_CAPTIONS, chosen, [0.50, 0.51, 0.49, 0.5, 0.52, 0.5, 0.48, 0.5, 0.5])
    alike = meters.LIKE_SIBLINGS.look(
        finished(chosen, {meters.DIVERSITY: {"texts": 90, "distinct_2": 0.53}}, standing=others)
    )
    assert alike.passed
    assert alike.figures["siblings"] == 9
    odd = {meters.DIVERSITY: {"texts": 90, "distinct_2": 0.2}}
    away = meters.LIKE_SIBLINGS.look(finished(chosen, odd, standing=others))
    assert not away.passed
    assert away.figures["distinct_2"] > chosen.diversity.max_z
    assert not meters.LIKE_SIBLINGS.blocking
    few = meters.LIKE_SIBLINGS.look(finished(chosen, odd, standing=dict(list(others.items())[:7])))
    assert few.passed
    assert few.figures["siblings"] == 7


def test_a_text_more_with_a_common_opening_is_chance(recipe):
    chosen = with_diversity(recipe)
    others = standing(CURATED_CAPTIONS, chosen, [0.5] * 12)
    for sidecar in others.values():
        sidecar.metrics[meters.DIVERSITY]["opening_share"] = 2 / 150

    def verdict(alike):
        found = {meters.DIVERSITY: {"texts": 150, "distinct_2": 0.5, "opening_share": alike / 150}}
        return meters.LIKE_SIBLINGS.look(finished(chosen, found, standing=others)).passed

    assert verdict(5)
    assert not verdict(30)


def test_siblings_that_were_made_otherwise_or_are_damaged_do_not_count(recipe):
    chosen = with_diversity(recipe)
    others = standing(CURATED_CAPTIONS, chosen, [0.5] * 9)
    others["shard-0000"].fields["rules"] = 0
    others["shard-0001"].metrics = {}
    found = finished(chosen, {}, standing=others)
    assert len(meters.siblings(found)) == 7

    def broken(stage, shard):
        if shard == "shard-0002":
            raise LakeError("damaged", "mend it")
        return others.get(shard)

    found.work.tools.home.lake.sidecar = broken
    assert len(meters.siblings(found)) == 6


def test_siblings_are_a_few_whatever_the_number_of_shards(recipe):
    chosen = recipe.model_copy(update={"shards": 2000})
    others = standing(CURATED_CAPTIONS, chosen, [0.5] * 20)
    fields = others["shard-0000"]
    looked = []

    def sidecar(stage, shard):
        looked.append(shard)
        return fields

    found = finished(chosen, {}, shard="shard-1500")
    found.work.tools.home.lake.sidecar = sidecar
    assert len(meters.siblings(found)) == meters.SIBLINGS == len(looked)
    assert looked[0] == "shard-1499"


def seeds(*topics):
    return iter([{"id": str(place), "topic": topic} for place, topic in enumerate(topics)])


def test_a_threshold_that_empties_a_topic_is_told(recipe):
    topics = Topics(seeds("street", "street", "sea", None, "sea", "hill", "moor"))
    for sample, code in [
        ("0", ""),
        ("1", "low_quality"),
        ("2", "low_quality"),
        ("3", "low_quality"),
        ("4", "low_quality"),
    ]:
        topics.count(sample, code)
    topics.count("6", "too_short")  # 5 was no caption; the rule that took 6 is no threshold
    found = topics.metrics()
    assert found == {"topics": 1, "topic_entropy": 0.0, "topics_emptied": 1, "topics_emptied_first": ["sea"]}
    finding = TOPICS_KEPT.look(finished(recipe, found))
    assert not finding.passed
    assert finding.figures["first"] == ["sea"]
    assert TOPICS_KEPT.severity == "WARN"


def test_letters_that_lean_to_one_side_are_told(recipe):
    assert LETTERS_BALANCED.look(finished(recipe, {"letters": {"A": 20, "B": 25, "C": 22, "D": 21}})).passed
    assert LETTERS_BALANCED.look(finished(recipe, {"letters": {}})).passed
    leaning = LETTERS_BALANCED.look(finished(recipe, {"letters": {"A": 20, "B": 80}}))
    assert not leaning.passed
    assert leaning.figures["chi_squared"] > leaning.figures["limit"]


def test_a_recipe_that_blocks_stops_the_stages_below_until_the_bound_is_loosened(home, recipe, monkeypatch):
    monkeypatch.setattr(meters, "LEAST_TEXTS", 1)
    strict = recipe.model_copy(update={"diversity": Diversity(captions=Bounds(max_compression=1.0), on_fail="block")})
    with pytest.raises(LakeError, match=r"curated_captions \[shard-0000\] failed its check 'diverse'"):
        materialize(home, strict)
    warned = strict.model_copy(update={"diversity": Diversity(captions=Bounds(max_compression=1.0))})
    home.adopt(warned, change=True)
    outcomes = materialize(home, warned)
    found = outcomes["curated_captions", "shard-0000"].sidecar
    assert [(one.name, one.severity) for one in found.checks if not one.passed] == [("diverse", "WARN")]
    assert outcomes["expanded_captions", "shard-0000"].reused
    assert outcomes["release", "all"].sidecar.rows_out


def test_shards_carry_their_meters_and_a_threshold_takes_rows_with_a_reason(home, recipe):
    outcomes = materialize(home, recipe)
    for shard in shard_names(recipe.shards):
        captions = outcomes["curated_captions", shard].sidecar
        dialogs = outcomes["instruction_dialogs", shard].sidecar
        vectors = outcomes["text_embeddings", shard].sidecar
        assert captions.metrics[meters.DIVERSITY]["texts"] == captions.rows_out
        assert sum(dialogs.metrics["question_types"].values()) == dialogs.metrics[meters.DIVERSITY]["texts"]
        assert vectors.metrics[meters.DIVERSITY]["vendi"] > 1
        for sidecar in (captions, dialogs, vectors):
            assert {check.name for check in sidecar.checks if not check.passed} <= {"nothing_cut"}
    rows = list(read_rows(home.lake.rows("curated_captions", "shard-0000"), ["quality"]))
    assert all(0 < row["quality"] <= 1 for row in rows)
    middle = float(np.median([row["quality"] for row in rows]))
    strict = recipe.model_copy(update={"curation": recipe.curation.model_copy(update={"min_quality": middle})})
    home.adopt(strict, change=True)
    after = materialize(home, strict)["curated_captions", "shard-0000"].sidecar
    assert after.rejected["low_quality"] == sum(row["quality"] < middle for row in rows)
