"""`unicorn trace` from every end, as a person reads it and as JSON."""

import json

import pyarrow.parquet as pq
import pytest

from unicorn_assets import recipe as recipes
from unicorn_assets.cli.trace import trace
from unicorn_assets.errors import LakeError, RecipeError
from unicorn_assets.identity import sample_id, shard_names
from unicorn_assets.lake.shards import read_rows
from unicorn_assets.release.rows import ReleaseRows
from unicorn_assets_tests.cli.test_errors import refused, unicorn
from unicorn_assets_tests.conftest import materialize

KITE, HEN = "A red kite over a field of wheat.", "A white hen behind a wooden gate."


@pytest.fixture
def mine(tmp_path, recipe):
    """Thirty seeds, two of them again in a second file, and one row too short."""
    more = [f"A {colour} boat beside jetty {number}." for colour in ("blue", "green") for number in range(14)]
    first, second = tmp_path / "first.txt", tmp_path / "second.jsonl"
    first.write_text("\n".join([KITE, HEN, *more]) + "\n")
    second.write_text("".join(json.dumps({"caption": text}) + "\n" for text in (KITE, "No.", f"  {HEN}")))
    adjusted = recipes.adjusted(recipe, seeds=[first, second], shards=3)
    everything = adjusted.dialogs.model_copy(update={"share": 0.5})
    held_out = adjusted.release.model_copy(update={"validation": 0.3})
    return adjusted.model_copy(update={"dialogs": everything, "release": held_out})


def story(home, capsys, *arguments, **options):
    trace(home, *arguments, as_json=True, **options)
    return json.loads(capsys.readouterr().out)


def test_a_sample_is_told_by_its_id_and_by_the_text_of_its_seed_however_it_is_spaced(made, capsys):
    found = story(made, capsys, sample_id(KITE))
    assert found == story(made, capsys, KITE) == story(made, capsys, f" {KITE.replace(' ', '  ')}\n")
    steps = {step["stage"]: step for step in found["stages"]}
    assert steps["seed_sources"]["row"]["row"] == 1
    assert [(other["source"], other["row"]) for other in steps["seed_sources"]["also"]] == [("second", 1)]
    assert steps["expanded_captions"]["made_by"]["decided_by"]["prompt"] == "expansion-1"
    assert steps["expanded_captions"]["made_by"]["decided_by"]["sampling"]["temperature"] == 0.7


def test_a_release_row_leads_to_its_sample_and_back(made, mine, capsys):
    folder = made.releases / "demo" / "latest"
    version = folder.resolve().name
    seen = 0
    for split in ("train", "validation"):
        for table in ("pretrain", "instruction"):
            name = table if split == "train" else f"validation/{table}"
            rows = ReleaseRows(folder, table, split)
            for row in {0, len(rows) // 2, len(rows) - 1} - {-1}:
                found = story(made, capsys, release=version, table=name, row=row)
                assert found["id"] == rows.record(row)["id"]
                assert found["released_in"][0]["tables"][name] == row, "the way back, too"
                assert found["asked"] == f"row {row} of {name} in releases/demo/{version}"
                seen += 1
    assert seen >= 8


def test_a_row_of_a_source_leads_to_its_sample_or_to_why_there_is_none(made, capsys):
    assert story(made, capsys, source="first", row=2)["id"] == sample_id(HEN)
    again = story(made, capsys, source="second", row=3)
    assert again["id"] == sample_id(HEN)
    assert (again["row"]["reason"], again["row"]["detail"]) == ("duplicate", "first in first, row 2")
    short = story(made, capsys, source="second", row=2)
    assert short["row"]["reason"] == "too_short"
    assert "id" not in short


def test_each_line_says_how_it_was_made_and_repeats_nothing(made, capsys):
    dialog = next(read_rows(made.lake.rows("instruction_dialogs", "shard-0000")))
    trace(made, dialog["id"], as_json=False)
    text = capsys.readouterr().out
    caption = next(
        row for row in read_rows(made.lake.rows("expanded_captions", "shard-0000")) if row["id"] == dialog["id"]
    )
    assert text.count(caption["caption"]) == 1
    assert f"by rules/rules 1; prompt {dialog['task']}-1; " in text
    assert "max_tokens 1536, temperature 0.7, top_p 0.9" in text
    assert f"question: {dialog['turns'][0]['question']}" in text
    for part in ("encoder ", "; transfer ", "in run test, ", " checks passed", "release: releases/demo/"):
        assert part in text or part.removeprefix("; ") in text, part
    trace(made, source="second", row=2, as_json=False)
    assert capsys.readouterr().out.splitlines()[:2] == ["row 2 of the source second", "    reason: too_short"]


def test_a_sample_that_fell_out_says_where_and_why(home, mine, capsys):
    strict = mine.model_copy(update={"curation": mine.curation.model_copy(update={"min_words": 100})})
    materialize(home, strict)
    fell = next(row for shard in shard_names(3) for row in read_rows(home.lake.set_aside("curated_captions", shard)))
    trace(home, fell["id"], as_json=False)
    text = capsys.readouterr().out
    told = text.partition("curated_captions [")[2]
    assert "]: rejected\n    reason: too_short\n    detail: " in told
    assert "text_embeddings" not in told
    assert text.splitlines()[-1] == "in no release"


def test_a_sample_of_an_old_release_is_found_though_its_seed_is_gone(tmp_path, made, mine, capsys):
    (tmp_path / "second.jsonl").write_text('{"caption": "Another caption entirely here."}\n')
    (tmp_path / "first.txt").write_text((tmp_path / "first.txt").read_text().removeprefix(f"{KITE}\n"))
    materialize(made, mine)
    found = story(made, capsys, KITE)
    assert {step["outcome"] for step in found["stages"]} <= {"absent", "kept"}
    assert len(found["released_in"]) == 1


def test_every_sample_of_every_shard_is_found_in_its_row(made, capsys):
    folder = made.releases / "demo" / "latest"
    for shard in shard_names(3):
        path = folder / "pretrain" / f"{shard}.parquet"
        for sample in pq.read_table(path, columns=["id"])["id"].to_pylist():
            row = story(made, capsys, sample)["released_in"][0]["tables"]["pretrain"]
            assert ReleaseRows(folder, "pretrain").record(row)["id"] == sample


def test_a_release_that_cannot_be_read_is_told_and_hides_nothing_else(made, capsys):
    broken = made.releases / "demo" / "0123456789abcdef"
    broken.mkdir()
    (broken / "manifest.json").write_text("{}")
    found = story(made, capsys, KITE)
    assert [bool(one["tables"]) for one in found["released_in"]] == [False, True]
    assert "is no manifest" in found["released_in"][0]["problem"]
    trace(made, KITE, as_json=False)
    assert "is no manifest" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"release": "nonesuch", "row": 0}, "there are: demo/"),
        ({"release": "../demo", "row": 0}, "There is no release"),
        ({"release": "latest", "table": "captions", "row": 0}, "it has pretrain, instruction"),
        ({"release": "latest", "row": 30_000}, "there is no row 30,000"),
        ({"source": "third", "row": 1}, "its sources are first, second"),
        ({"source": "first", "row": 31}, "no row 31"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(made, options, says):
    with pytest.raises(LakeError) as caught:
        trace(made, as_json=False, **options)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [{}, {"row": 1}, {"release": "latest"}, {"source": "first"}, {"release": "latest", "source": "first", "row": 1}],
)
def test_a_question_that_is_not_clear_is_refused(home, options):
    with pytest.raises(RecipeError, match="not clear what to trace"):
        trace(home, as_json=False, **options)


def test_the_command_takes_the_same_options(made):
    done = unicorn("trace", "--home", made.path, "--release", "latest", "--table", "instruction", "--row", 0)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("row 0 of instruction in releases/demo/")
    refused("trace", KITE, "--row", 3, "--home", made.path, says=["not clear what to trace"])
