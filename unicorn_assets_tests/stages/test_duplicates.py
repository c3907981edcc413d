from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from unicorn_assets.errors import LakeError
from unicorn_assets.identity import sample_id
from unicorn_assets.lake import signature_files
from unicorn_assets.lake.layout import ALL
from unicorn_assets.recipe import dump, parse
from unicorn_assets.stages import compared, corpus, nearness
from unicorn_assets.stages.duplicates import NEAR_DUPLICATES, near_duplicates
from unicorn_assets.stages.graph import graph
from unicorn_assets.stages.tools import Tools
from unicorn_assets.stages.twins import PAIRS
from unicorn_assets_tests.lake.making import ended, killed_at, recipe
from unicorn_assets_tests.stages.planted_corpus import STAGE, filled, followed


def test_losers_and_pairs_are_kept(corpus_at):
    one = filled(corpus_at()).put()
    sidecar_made = one.make().sidecar
    captions = [row for row in one.rows() if row["kind"] == "caption"]
    assert len(captions) == 30
    assert {row["how"] for row in captions} == {"lexical", "contained"}
    assert all(row["turn"] == row["twin_turn"] == -1 for row in captions)
    figures = sidecar_made.metrics["texts"]["caption"]
    assert figures["lost"] == figures["same"] + figures["lexical"] + figures["contained"] == 30
    assert (figures["texts"], figures["distinct"], figures["compared"]) == (90, 85, 85)
    assert sidecar_made.metrics["most_twins"]["caption 1"]["twins"] == 1
    pairs = pq.read_table(one.home.lake.pairs(STAGE, ALL))
    assert pairs.schema.remove_metadata().equals(PAIRS)
    assert sum(kind == "caption" for kind in pairs["kind"].to_pylist()) == 25
    assert all(check.passed for check in sidecar_made.checks if check.blocking)
    questions = [row for row in one.rows() if row["kind"] == "question"]
    assert len(questions) > 40
    assert {row["turn"] for row in questions} == {0, 1}


def test_shards_one_by_one_in_any_order_give_the_files_of_all_at_once(corpus_at):
    whole = filled(corpus_at("whole")).put()
    whole.make()
    for order in ([0, 1, 2], [2, 0, 1]):
        grown = filled(corpus_at(f"grown{order}")).put()
        grown.present = []
        for number in order:
            grown.present = sorted([*grown.present, grown.shards[number]])
            made = grown.make()
        assert made.sidecar.metrics["texts"]["caption"]["compared"] < 40
        assert grown.files() == whole.files()
        assert made.sidecar.fingerprint == whole.make().sidecar.fingerprint


def test_of_unchanged_shards_only_the_texts_of_candidates_are_read(corpus_at, monkeypatch):
    one = corpus_at()
    one.captions["shard-0000"] = {sample_id("a"): "a red car in front of an old house"}
    one.captions["shard-0001"] = {sample_id("b"): "two dogs run along a sandy beach"}
    one.put().make()
    one.captions["shard-0002"] = {sample_id("c"): "A red car, in front of an old house now"}
    one.put()
    shards, texts = [], []
    kind, at = compared.CAPTIONS, signature_files.Signed.at
    read = lambda lake, shard: shards.append(shard) or kind.read(lake, shard)  # noqa: E731
    monkeypatch.setattr(compared, "CAPTIONS", replace(kind, read=read))
    monkeypatch.setattr(signature_files.Signed, "at", lambda self, places: _kept(texts, at(self, places)))
    made = one.make()
    assert set(one.lost().values()) | {sample for sample, _ in one.lost()} == {sample_id("a"), sample_id("c")}
    assert shards == ["shard-0002"]
    assert "two dogs run along a sandy beach" not in texts
    assert made.sidecar.metrics["texts"]["caption"]["compared"] == 1


def _kept(everything, found):
    everything += found
    return found


def test_a_withdrawn_row_gives_its_twin_back(corpus_at):
    one = filled(corpus_at()).put()
    one.make()
    captions = {row["id"]: row["twin"] for row in one.rows() if row["kind"] == "caption"}
    loser, winner = next(iter(captions.items()))
    for shard in one.shards:
        one.captions[shard].pop(winner, None)
    one.put().make()
    after = {row["id"]: row["twin"] for row in one.rows() if row["kind"] == "caption"}
    assert loser not in after
    assert winner not in after.values()
    again = filled(corpus_at("again"))
    for shard in again.shards:
        again.captions[shard].pop(winner, None)
    again.put().make()
    assert one.files() == again.files()


def test_a_changed_text_loses_its_pairs(corpus_at):
    one = corpus_at()
    one.captions["shard-0000"] = {sample_id("a"): "a red car in front of an old house"}
    one.captions["shard-0001"] = {sample_id("b"): "a red car in front of an old house"}
    one.put().make()
    assert len(one.rows()) == 1
    one.captions["shard-0001"] = {sample_id("b"): "two dogs run along a sandy beach"}
    one.put().make()
    assert one.rows() == []


def test_the_best_is_kept_by_quality_then_by_id(corpus_at):
    one = corpus_at()
    first, second = sorted([sample_id("a"), sample_id("b")])
    one.captions["shard-0000"] = {first: "a red car in front of an old house"}
    one.captions["shard-0002"] = {second: "A red car in front of an old house!"}
    one.put().make()
    assert one.lost() == {(second, -1): first}
    one.quality = {second: 0.9, first: 0.2}
    one.put().make()
    assert one.lost() == {(first, -1): second}


def test_signatures_of_another_version_are_made_again(corpus_at, monkeypatch):
    one = filled(corpus_at()).put()
    before = one.make()
    path = one.home.signatures("caption", "shard-0000")
    written = path.stat().st_mtime_ns
    one.make(again=True)
    assert path.stat().st_mtime_ns == written
    for module in (compared, nearness):
        monkeypatch.setattr(module, "algorithm", lambda: {"minhash": "another"})
    after = one.make(again=True)
    assert path.stat().st_mtime_ns > written
    assert after.sidecar.metrics["texts"]["caption"]["compared"] == 85
    assert after.sidecar.rows_out == before.sidecar.rows_out


def test_signatures_of_shards_and_kinds_that_are_gone_are_removed(corpus_at):
    one = filled(corpus_at()).put()
    one.make()
    left = one.home.signatures("caption", "shard-0007")
    left.write_bytes(one.home.signatures("caption", "shard-0000").read_bytes())
    one.make(again=True)
    assert not left.exists()
    assert one.home.signatures("question", "shard-0002").exists()
    one.tools = Tools(one.home, recipe(shards=3, duplicates={"questions": False}))
    one.home.adopt(one.tools.recipe, change=True)
    one.make()
    assert sorted(path.name for path in one.home.path.glob("signatures/*/*")) == [
        "shard-0000.arrow", "shard-0001.arrow", "shard-0002.arrow"
    ]  # fmt: skip


@pytest.mark.parametrize("damage", ["pairs", "sidecar", "signatures"])
def test_what_is_damaged_is_made_again(corpus_at, damage):
    one = filled(corpus_at()).put()
    one.make()
    good = one.files()
    lake = one.home.lake
    path = {
        "pairs": lake.pairs(STAGE, ALL),
        "sidecar": lake.sidecar_path(STAGE, ALL),
        "signatures": one.home.signatures("question", "shard-0001"),
    }[damage]
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = b"\xff" * (len(content) - len(content) // 2)
    path.write_bytes(content)
    one.make(again=True)
    assert one.files() == good


def test_kills_leave_nothing_that_is_not_whole(corpus_at):
    one = filled(corpus_at(), texts=30).put()
    whole = filled(corpus_at("whole"), texts=30).put()
    whole.make()
    statuses = []
    for call in (0, 2, 5, 9, 13, 14, 15, 16, 17, 18, 40):
        statuses.append(ended(killed_at, call, _made, one))
    assert statuses.count(-9) >= 5
    assert statuses[-1] == 0
    assert one.make().sidecar.fingerprint == whole.make().sidecar.fingerprint
    assert one.files() == whole.files()


def _made(one):
    corpus.coverage = one.coverage
    one.make(again=True)


def test_shards_without_a_text_and_no_shards_at_all(corpus_at):
    one = corpus_at().put()
    assert one.make().sidecar.rows_out == 0
    one.present = []
    made = one.make()
    assert (made.reused, made.sidecar.rows_in, made.sidecar.rows_out) == (False, 0, 0)
    assert made.sidecar.not_selected == {}
    assert followed(one) == []


def test_a_missing_shard_is_named(corpus_at):
    one = filled(corpus_at()).put()
    path = one.home.lake.rows("pretrain_dataset", "shard-0001")
    path.unlink()
    with pytest.raises(LakeError, match=r"pretrain_dataset \[shard-0001\] is damaged"):
        one.make()


def test_a_recipe_that_compares_nothing_has_no_such_stage():
    assert near_duplicates(recipe(duplicates={"captions": False, "questions": False})) is None
    assert near_duplicates(recipe(duplicates={"captions": False})) is NEAR_DUPLICATES
    assert STAGE not in graph(recipe(duplicates={"captions": False, "questions": False}))


def test_containment_is_not_judged_where_the_recipe_says_zero(corpus_at, tmp_path):
    one = filled(corpus_at(containment=0)).put()
    one.make()
    assert {row["how"] for row in one.rows() if row["kind"] == "caption"} == {"lexical"}
    assert parse(dump(one.tools.recipe), where="it", base=tmp_path).duplicates.containment == 0
    with pytest.raises(ValueError, match="at least, or 0 to judge none"):
        recipe(duplicates={"containment": 0.3})


def test_the_check_warns_of_many_duplicates(corpus_at):
    one = filled(corpus_at(most=0.1)).put()
    (warned,) = [check for check in one.make().sidecar.checks if check.name == "few_duplicates"]
    assert (warned.passed, warned.blocking, warned.severity) == (False, False, "WARN")
    assert warned.figures == {"share": pytest.approx(1 / 3, abs=1e-5), "most": 0.1}


def test_pairs_and_losers_can_be_asked_for(corpus_at):
    one = filled(corpus_at()).put()
    one.make()
    with one.home.catalog.snapshot() as catalog:
        lost = catalog.execute("SELECT count(*) FROM near_duplicates WHERE kind = 'caption'").fetchall()
        pairs = catalog.execute("SELECT count(*) FROM near_duplicate_pairs WHERE kind = 'caption'").fetchall()
    assert (lost, pairs) == ([(30,)], [(25,)])
