"""`unicorn withdraw`: everything named, nothing comes back, nothing else made anew, nothing asked again."""

import json
import shutil
import signal
import subprocess
import sys

import pytest

from unicorn_assets.cli import withdraw as command
from unicorn_assets.errors import BusyError, CheckError, LakeError, RecipeError, SeedError
from unicorn_assets.home import Home
from unicorn_assets.identity import sample_id, shard_name, shard_number
from unicorn_assets.lake.shards import read_rows
from unicorn_assets.recipe import Source
from unicorn_assets.release.manifest import read
from unicorn_assets.release.verify import verify
from unicorn_assets.stages import runner
from unicorn_assets.stages.corpus import UPSTREAM
from unicorn_assets.stages.freshness import states
from unicorn_assets.stages.graph import GRAPH
from unicorn_assets.stages.tools import Tools
from unicorn_assets_tests.cli.test_errors import refused, unicorn
from unicorn_assets_tests.conftest import data_files, materialize
from unicorn_assets_tests.doubles import HashEncoder
from unicorn_assets_tests.lake.making import PROCESSES, hold_run_lock

KITE, HEN, MINE = (
    "A red kite over a field of wheat.",
    "A white hen behind a wooden gate.",
    "A grey mill at a cold river.",
)
WHY = "its author asked for it"


@pytest.fixture
def mine(tmp_path, recipe):
    """Two sources under two licences; the second gives one seed of the first again, and one of its own."""
    more = [f"A {colour} boat beside jetty {number}." for colour in ("blue", "green") for number in range(14)]
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.write_text("\n".join([KITE, HEN, *more]) + "\n")
    second.write_text(f"{HEN}\n{MINE}\n")
    sources = [
        Source(name="first", path=str(first), licence="CC-BY-4.0"),
        Source(name="second", path=str(second), licence="CC-BY-NC-4.0"),
    ]
    dialogs = recipe.dialogs.model_copy(update={"share": 1.0})
    return with_sources(recipe, *sources).model_copy(update={"dialogs": dialogs})


@pytest.fixture(scope="module")
def master(tmp_path_factory):
    """Where the home stands that every test gets a copy of."""
    return Home(tmp_path_factory.mktemp("master") / "home")


@pytest.fixture
def made(master, home, mine):
    if not master.path.exists():
        materialize(master, mine)
    shutil.copytree(master.path, home.path, symlinks=True)
    home.adopt(mine, change=True)  # its sources stand elsewhere, and hold the same
    return home


@pytest.fixture
def do(made, mine, capsys):
    """What the command prints, as JSON."""

    def done(why=WHY, **options):
        named = {kind: options.pop(kind, None) for kind in command.KINDS}
        tools = Tools(made, mine, make_encoder=lambda chosen: HashEncoder())
        capsys.readouterr()
        assert command.withdraw(made, named, why, as_json=True, tools=tools, **options) == 0
        return json.loads(capsys.readouterr().out.partition("\n}\n")[0] + "}")

    return done


def with_sources(recipe, *sources):
    return recipe.model_copy(update={"seeds": recipe.seeds.model_copy(update={"sources": sources})})


def home_of(sample):
    return shard_name(shard_number(sample, 3))


def everything(home, recipe):
    return {
        (name, shard): home.lake.need(name, shard) for name, stage in UPSTREAM.items() for shard in stage.shards(recipe)
    }


def stale(home, recipe):
    tools = Tools(home, recipe, make_encoder=lambda chosen: HashEncoder())
    return {(one.stage, one.shard) for one in states(tools, UPSTREAM) if one.condition != "fresh"}


def ids_anywhere(home):
    """Ids of all rows of the lake below the sources and of the latest release."""
    paths = [path for stage in GRAPH for path in (home.lake.root / stage).glob("shard-*.parquet")]
    paths += (home.releases / "demo" / "latest").glob("*/*.parquet")
    return {row["id"] for path in paths for row in read_rows(path, ["id"])}


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


def test_no_release_goes_out_before_a_withdrawal_is_applied(do, made, mine):
    do(seed=KITE)
    tools = Tools(made, mine, make_encoder=lambda chosen: HashEncoder())
    with pytest.raises(CheckError, match="0 of 3 shards are complete and fresh"):
        runner.make(GRAPH["release"], tools, "all", graph=GRAPH, run_id="test")


def test_the_fingerprint_is_as_ever_where_nothing_is_withdrawn(do, made, mine):
    before = {key: one.fingerprint for key, one in everything(made, mine).items()}
    assert "withdrawn" not in made.lake.need("seed_sources", "all").fields
    do(seed=KITE)
    do(seed=KITE, why="it was a mistake", undo=True)
    assert stale(made, mine) == set()
    materialize(made, mine)
    assert {key: one.fingerprint for key, one in everything(made, mine).items()} == before


def test_a_damaged_file_of_withdrawals_stops_what_reads_seeds_and_says_so(do, made, mine, capsys):
    do(seed=KITE, apply=True)
    made.withdrawals.path.write_text("{}\n" + made.withdrawals.path.read_text())
    assert stale(made, mine) >= {("seed_sources", "all"), ("pretrain_dataset", "shard-0000")}
    with pytest.raises(LakeError, match=r"Line 1 of .*withdrawn.jsonl is no withdrawal"):
        materialize(made, mine)
    done = unicorn("status", "--home", made.path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.replace("\n", " ").count("withdrawn.jsonl is no withdrawal") >= 2


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


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"seed": "0" * 20}, "holds nothing of a seed with the id 00000000000000000000"),
        ({"seed": "A caption of nobody."}, "holds nothing of a seed"),
        ({"source": "third"}, "has no source 'third'; it has first, second"),
        ({"source": "SECOND"}, "has no source 'SECOND'"),
        ({"licence": "MIT"}, "has no licence 'MIT'; it has CC-BY-4.0, CC-BY-NC-4.0"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(do, made, options, says):
    with pytest.raises(LakeError, match=says):
        do(**options)
    assert made.withdrawals.in_force() == ()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"why": None, "seed": KITE}, "needs a reason"),
        ({"why": " \n", "seed": KITE}, "needs a reason"),
        ({"why": "", "seed": KITE, "undo": True}, "needs a reason"),
        ({}, "not clear what to withdraw"),
        ({"seed": " "}, "not clear what to withdraw"),
        ({"seed": KITE, "source": "first"}, "not clear what to withdraw"),
        ({"seed": KITE, "apply": True, "dry_run": True}, "contradict"),
    ],
)
def test_a_command_that_is_not_clear_records_nothing(do, made, options, says):
    with pytest.raises(RecipeError, match=says):
        do(**options)
    assert not made.withdrawals.path.exists()


def test_a_home_without_a_recipe_has_nothing_to_withdraw(home):
    with pytest.raises(LakeError, match="holds no recipe yet"):
        command.withdraw(home, {"seed": KITE}, WHY)


def test_while_a_run_is_at_work_the_withdrawal_stands_and_applying_it_waits(do, made, capsys):
    here, there = PROCESSES.Pipe()
    child = PROCESSES.Process(target=hold_run_lock, args=(made.path, there))
    child.start()
    assert here.recv() == "held"
    with pytest.raises(BusyError, match="is working on HOME"):
        do(seed=KITE, apply=True)
    assert [one.name for one in made.withdrawals.in_force()] == [sample_id(KITE)]
    here.send("end")
    child.join(60)


CHILD = """
import os, signal, sys
from pathlib import Path
from unicorn_assets.cli import withdraw
from unicorn_assets.home import Home
withdraw.run = lambda *arguments, **options: os.kill(os.getpid(), signal.SIGKILL)
withdraw.withdraw(Home(Path(sys.argv[1])), {"seed": sys.argv[2]}, "why not", apply=True)
"""


def test_killed_between_record_and_making_it_goes_on_where_it_was(made, mine, do, capsys):
    done = subprocess.run([sys.executable, "-c", CHILD, str(made.path), KITE], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert [one.why for one in made.withdrawals.in_force()] == ["why not"]
    assert stale(made, mine) >= {("seed_sources", "all")}
    again = do(seed=KITE, apply=True)
    assert again["new"] is False
    assert sample_id(KITE) not in ids_anywhere(made)
    assert do(seed=KITE, apply=True)["partitions"].keys() == {"seed_sources", "selection", "release"}, (
        "and once more changes nothing"
    )
    capsys.readouterr()
    command.withdraw(made, {"seed": KITE}, WHY)
    assert "The seeds and all shards stand as the withdrawals want them" in capsys.readouterr().out


def test_killed_after_the_sources_the_next_one_still_makes_the_shard(made, mine, do):
    do(seed=KITE)
    tools = Tools(made, mine, make_encoder=lambda chosen: HashEncoder())
    runner.make(GRAPH["seed_sources"], tools, "all", graph=GRAPH, run_id="killed after this")
    assert do(seed=KITE, apply=True)["partitions"]["caption_seeds"] == [home_of(sample_id(KITE))]
    assert sample_id(KITE) not in ids_anywhere(made)


def test_a_person_reads_what_goes_and_what_follows(made, capsys):
    command.withdraw(made, {"seed": KITE}, WHY)
    text = capsys.readouterr().out
    for part in (
        f"The seed {sample_id(KITE)} is withdrawn, on record in {made.withdrawals.path}: {WHY}",
        f"{home_of(sample_id(KITE))} 1",
        "Stored answers: 1 of expanded_captions, 1 of instruction_dialogs. They stay",
        "carries it (1 of pretrain, 1 of instruction).",
        f"To be made anew: seed_sources; caption_seeds to instruction_dataset [{home_of(sample_id(KITE))}]; selection; "
        "release.",
    ):
        assert part in text, part
    assert KITE not in text, "what is withdrawn is not told on"
    command.listed(made, as_json=False)
    assert f"seed {sample_id(KITE)}: {WHY}" in capsys.readouterr().out
    with made.withdrawals.path.open("ab") as file:
        file.write(b'{"kind": "se')
    command.listed(made, as_json=False)
    assert "is cut off (12 bytes" in capsys.readouterr().out


def test_the_command_line(made):
    done = unicorn("withdraw", "--home", made.path, "--source", "second", "--why", WHY)
    assert done.returncode == 0, done.stderr
    assert "The source second is withdrawn" in done.stdout
    refused("withdraw", "--home", made.path, "--seed", KITE, says=["needs a reason"])
    refused("withdraw", "--home", made.path, "--undo", "--seed", KITE, "--why", "x", says=["is not withdrawn"])
    listed = json.loads(unicorn("withdraw", "--home", made.path, "--list", "--json").stdout)
    assert [one["name"] for one in listed["withdrawn"]] == ["second"]
    assert "Withdrawn: 1 source; `unicorn withdraw --list` shows them." in unicorn("status", "--home", made.path).stdout
    assert unicorn("withdraw", "--home", made.path / "nowhere", "--list").stdout == "Nothing is withdrawn.\n"


def test_a_preview_shows_nothing_that_was_withdrawn(do, made):
    do(source="first")
    done = unicorn("preview", "--home", made.path, "--rows", 30)
    assert done.returncode == 0, done.stderr
    assert MINE in done.stdout
    assert KITE not in done.stdout
