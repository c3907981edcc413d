"""What a withdrawal reaches: everything named, nothing comes back, nothing else made anew, nothing asked again."""

import json

import pytest

from unicorn_assets.errors import SeedError
from unicorn_assets.identity import sample_id
from unicorn_assets.lake.shards import read_rows
from unicorn_assets.recipe import Source
from unicorn_assets.release.manifest import read
from unicorn_assets.release.verify import verify
from unicorn_assets.stages.corpus import UPSTREAM
from unicorn_assets_tests.cli.withdraw.homes import (
    HEN,
    KITE,
    MINE,
    WHY,
    everything,
    home_of,
    ids_anywhere,
    stale,
    with_sources,
)
from unicorn_assets_tests.conftest import data_files, materialize


def test_every_descendant_is_named_at_every_stage(do, made):
    sample = sample_id(KITE)
    found = do(seed=KITE, dry_run=True)
    assert found["seeds"] == [sample]
    rows = {(one["stage"], one["shard"]): one for one in found["rows"]}
    shard = home_of(sample)
    for stage in ("caption_seeds", "expanded_captions", "curated_captions", "text_embeddings", "pretrain_dataset"):
        assert rows[stage, shard]["kept"] == [sample], stage
    assert rows["seed_sources", "all"]["kept"] == [sample]
    assert rows["instruction_dialogs", shard]["kept"] == rows["instruction_dataset", shard]["kept"] == [sample]
    assert found["answers"] == {"expanded_captions": 1, "instruction_dialogs": 1}
    version = (made.releases / "demo" / "latest").resolve().name
    assert found["releases"] == {f"releases/demo/{version}": {"pretrain": 1, "instruction": 1}}
    in_sample = sample in {row["id"] for row in read_rows(made.lake.rows("modality_alignment", "all"))}
    assert found["fitted"] == in_sample
    assert found["partitions"] == {
        "seed_sources": [],
        **{name: [shard] for name, stage in UPSTREAM.items() if stage.sharded},
        "near_duplicates": [],
        "selection": [],
        "release": [],
    }


def test_a_dry_run_records_nothing(do, made):
    assert do(why=None, seed=KITE, dry_run=True)["recorded"] is None
    assert made.withdrawals.in_force() == ()


def test_applied_the_seed_is_gone_and_only_its_shard_was_made_anew(do, made, mine):
    before, sample = everything(made, mine), sample_id(HEN)
    assert do(seed=sample, apply=True)["new"] is True
    after = everything(made, mine)
    changed = {key for key in after if after[key].run != before[key].run}
    shard = home_of(sample)
    assert changed == {("seed_sources", "all")} | {(name, shard) for name, stage in UPSTREAM.items() if stage.sharded}
    assert sample not in ids_anywhere(made)
    assert stale(made, mine) == set()
    sources = after["seed_sources", "all"]
    assert sources.rejected == {"withdrawn": 2}, "of both sources"
    assert sources.rows_in == sources.rows_out + 2
    for stage in ("expanded_captions", "instruction_dialogs"):
        assert after[stage, shard].metrics["requests"] == 0, "nothing is asked again"
    assert list(verify((made.releases / "demo" / "latest").resolve())) == []


def test_a_withdrawal_is_idempotent(do, made):
    do(seed=KITE)
    again = do(seed=KITE, why="another reason")
    assert (again["new"], again["recorded"]["why"]) == (False, WHY)
    assert len(made.withdrawals.path.read_text().splitlines()) == 1


@pytest.mark.parametrize("route", ["another file", "another line", "a new source", "another recipe"])
def test_a_withdrawn_seed_comes_back_by_no_other_route(do, made, mine, tmp_path, route):
    do(seed=KITE, apply=True)
    if route == "another file":
        (tmp_path / "second.txt").write_text(f"{MINE}\n\u200b{KITE.replace(' ', '  ')}\n")
    elif route == "another line":
        first = (tmp_path / "first.txt").read_text().splitlines()
        (tmp_path / "first.txt").write_text("\n".join([*first[1:], KITE]) + "\n")
    elif route == "a new source":
        (tmp_path / "third.jsonl").write_text(json.dumps({"caption": KITE}) + "\n")
        third = Source(name="third", path=str(tmp_path / "third.jsonl"))
        mine = mine.model_copy(
            update={"seeds": mine.seeds.model_copy(update={"sources": (*mine.seeds.sources, third)})}
        )
    else:
        mine = mine.model_copy(update={"seeds": mine.seeds.model_copy(update={"min_words": 2})})
    made.adopt(mine, change=True)
    materialize(made, mine)
    assert sample_id(KITE) not in ids_anywhere(made)
    assert made.lake.need("seed_sources", "all").rejected["withdrawn"] >= 1


def test_a_withdrawn_source_holds_for_rows_to_come_and_leaves_what_others_give(do, made, mine, tmp_path):
    found = do(source="second")
    assert found["seeds"] == [sample_id(MINE)], "its other seed is the first source's"
    (tmp_path / "second.txt").write_text(f"{HEN}\n{MINE}\nA brown dog on a long beach.\n")
    materialize(made, mine)
    assert sample_id(MINE) not in ids_anywhere(made)
    assert sample_id("A brown dog on a long beach.") not in ids_anywhere(made)
    assert sample_id(HEN) in ids_anywhere(made)
    made_now = made.lake.need("seed_sources", "all")
    assert made_now.metrics["sources"]["second"]["rejected"] == {"withdrawn": 3}
    assert all(check.passed for check in made_now.checks), "a source is not barren for being withdrawn"


def test_the_first_source_withdrawn_gives_its_twin_to_the_other(do, made, mine):
    before = everything(made, mine)
    found = do(source="first")
    assert (found["stay"], len(found["seeds"])) == (1, 29)
    materialize(made, mine)
    assert ids_anywhere(made) == {sample_id(HEN), sample_id(MINE)}
    row = next(row for row in read_rows(made.lake.rows("caption_seeds", home_of(sample_id(HEN)))) if row["seed"] == HEN)
    assert row["licence"] == "CC-BY-NC-4.0"
    again = do(source="first", dry_run=True)
    assert (again["stay"], len(again["seeds"]), again["partitions"]["release"]) == (1, 29, [])
    assert before.keys() == everything(made, mine).keys()


def test_a_licence_is_withdrawn_in_any_case_and_for_sources_to_come(do, made, mine, tmp_path):
    assert do(licence="cc-by-nc-4.0")["seeds"] == [sample_id(MINE)]
    (tmp_path / "third.txt").write_text("A brown dog on a long beach.\n")
    third = Source(name="third", path=str(tmp_path / "third.txt"), licence="CC-BY-NC-4.0")
    grown = with_sources(mine, *mine.seeds.sources, third)
    made.adopt(grown, change=True)
    materialize(made, grown)
    assert not ids_anywhere(made) & {sample_id(MINE), sample_id("A brown dog on a long beach.")}


def test_siblings_of_an_image_stay_as_they_were(do, made, mine, tmp_path):
    rows = [{"caption": text, "image_id": 7} for text in (KITE, HEN, MINE)]
    rows += [{"caption": f"A blue boat beside jetty {number}."} for number in range(20)]
    (tmp_path / "images.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    chosen = mine.model_copy(
        update={
            "seeds": mine.seeds.model_copy(update={"sources": (Source(name="i", path=str(tmp_path / "images.jsonl")),)})
        }
    )
    made.adopt(chosen, change=True)
    materialize(made, chosen)
    kept = min(map(sample_id, (KITE, HEN, MINE)))
    do(seed=kept)
    materialize(made, chosen)
    ids = ids_anywhere(made)
    assert not ids & set(map(sample_id, (KITE, HEN, MINE))), "no sibling steps in and is paid for"
    assert len(ids) == 20


def test_taken_back_it_is_as_if_nothing_had_been_and_nothing_is_asked(do, made, mine):
    before, version = data_files(made), (made.releases / "demo" / "latest").resolve().name
    do(seed=KITE, apply=True)
    back = do(seed=KITE, why="it was a mistake", undo=True, apply=True)
    assert back["partitions"]["caption_seeds"] == [home_of(sample_id(KITE))]
    after = data_files(made)
    lake = {name: content for name, content in before.items() if name.startswith("lake/")}
    assert {name: after[name] for name in lake} == lake
    assert (made.releases / "demo" / "latest").resolve().name == version
    assert made.lake.need("expanded_captions", home_of(sample_id(KITE))).metrics["requests"] == 0


def test_the_fingerprint_is_as_ever_where_nothing_is_withdrawn(do, made, mine):
    before = {key: one.fingerprint for key, one in everything(made, mine).items()}
    assert "withdrawn" not in made.lake.need("seed_sources", "all").fields
    do(seed=KITE)
    do(seed=KITE, why="it was a mistake", undo=True)
    assert stale(made, mine) == set()
    materialize(made, mine)
    assert {key: one.fingerprint for key, one in everything(made, mine).items()} == before


def test_all_withdrawn_says_so(do, made, mine):
    do(source="first")
    do(source="second")
    with pytest.raises(SeedError, match=r"withdrawn: 32.*\n.*unicorn withdraw --undo"):
        materialize(made, mine)


def test_the_manifest_and_the_card_say_what_is_withdrawn(do, made, mine):
    do(seed=KITE, why="its author | asked\nfor it")
    do(licence="CC-BY-NC-4.0", apply=True)
    folder = (made.releases / "demo" / "latest").resolve()
    licence, seed = read(folder).withdrawn
    assert (licence.kind, licence.name, licence.why, licence.rows) == ("licence", "CC-BY-NC-4.0", WHY, 2)
    assert (seed.name, seed.why, seed.rows) == (sample_id(KITE), "its author | asked for it", 1)
    fitted = {row["id"] for row in read_rows(made.lake.rows("modality_alignment", "all"))}
    assert seed.fitted_on == (sample_id(KITE) in fitted)
    card = (folder / "README.md").read_text()
    assert f"| seed `{sample_id(KITE)}` | {seed.when[:10]} | its author \\| asked for it | 1 |" in card
    assert list(verify(folder)) == []
    dropped = read(folder).changes.tables["pretrain"]
    assert dropped.dropped == 2
    assert {name: reason.rows for name, reason in dropped.why.items()} == {"seed_sources: withdrawn": 2}


def test_the_home_of_a_release_without_withdrawals_writes_no_word_of_them(made):
    folder = (made.releases / "demo" / "latest").resolve()
    assert "withdrawn" not in json.loads((folder / "manifest.json").read_text())
    assert "ithdrawn" not in (folder / "README.md").read_text()
