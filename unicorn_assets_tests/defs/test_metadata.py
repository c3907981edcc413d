"""What materializations show, of every stage, and that nothing of it can fail a step."""

import base64
import json
import re
import shlex

import dagster as dg
import pyarrow as pa
import pytest

from unicorn_assets.cli.trace import trace
from unicorn_assets.defs import columns, metadata, pictures
from unicorn_assets.defs.build import build
from unicorn_assets.defs.trace import launchpad
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.shards import read_rows
from unicorn_assets.stages import transfer_picture
from unicorn_assets.stages.graph import EVERY, GRAPH
from unicorn_assets.transfer.metrics import words
from unicorn_assets_tests.conftest import materialize
from unicorn_assets_tests.stages.with_images import ready, with_alignment

FIRST = "shard-0000"


@pytest.fixture
def shown(home, recipe):
    outcomes = materialize(home, recipe)
    return {name: metadata.metadata(home, outcomes[name, shard]) for name, shard in outcomes if shard in (ALL, FIRST)}


def test_columns_are_described_before_anything_is_made(tools):
    graph = build(tools).resolve_asset_graph()
    for name in GRAPH:
        schema = graph.get(dg.AssetKey(name)).metadata[columns.KEY]
        assert len(schema.columns) >= 2
        assert all(column.description for column in schema.columns)


def test_counts_stand_under_the_standard_keys_as_numbers(shown):
    for name, found in shown.items():
        count, other = "dagster/partition_row_count", "dagster/row_count"
        if not GRAPH[name].sharded:
            count, other = other, count
        assert isinstance(found[count], int)
        assert other not in found
        for key in ("rows_in", "rejected", "not_selected"):
            assert isinstance(found[key], int)
        assert isinstance(found["rejected_share"], float)
        assert isinstance(found["seconds"], float)
        if name != "release":
            assert found[columns.KEY] == columns.known(GRAPH[name])
            assert ("sample_rows" in found) == (found[count] > 0 and name != "selection")


def test_the_command_that_traces_a_row_of_it_is_there_to_be_copied_and_works(home, shown, capsys):
    assert set(shown) - {name for name in shown if "trace" in shown[name]} == {"selection"}, "it has no row here"
    for name, found in shown.items():
        if name == "selection":
            continue
        capsys.readouterr()
        told, _, link = found["trace"].md_str.partition(" or ")
        command = shlex.split(told.strip("`"))
        assert command[:2] == ["unicorn", "trace"]
        assert command[-2:] == ["--home", str(home.path)]
        if name == "release":
            options = {"release": command[3], "table": command[5], "row": int(command[7])}
            trace(home, as_json=True, **options)
            sample = json.loads(capsys.readouterr().out)["id"]
        else:
            path = home.lake.rows(name, FIRST if GRAPH[name].sharded else ALL)
            assert command[2] in {row["id"] for row in read_rows(path, ["id"])}
            trace(home, command[2], as_json=True)
            sample = command[2]
        assert link == f"[the job trace]({launchpad(sample)})"


def test_texts_show_lengths_and_diversity(shown):
    for name in ("seed_sources", "expanded_captions", "instruction_dialogs", "instruction_dataset"):
        found = shown[name]
        assert "█" in found["lengths"].md_str
        for key in ("distinct_1", "distinct_2", "type_token_ratio", "common_opening_share"):
            assert 0 < found[key] <= 1
        assert "The most common beginnings of" in found["openings"].md_str


def test_meters_are_shown_once(shown):
    for name in ("curated_captions", "instruction_dialogs"):
        assert shown[name]["diversity/compression"] > 1
        assert 0 < shown[name]["diversity/self_bleu"] < 1
    assert shown["text_embeddings"]["diversity/vendi"] > 1
    assert not [key for found in shown.values() for key in found if key in ("diversity", "diversity/distinct_2")]


def test_set_aside_is_counted_by_reason(shown):
    rows = [record.data for record in shown["instruction_dialogs"]["set_aside"].records]
    assert [row["reason"] for row in rows] == ["not_drawn"]
    assert rows[0]["rows"] == shown["instruction_dialogs"]["not_selected"]


def test_the_picture_is_inline_small_and_says_what_it_is(shown):
    text = shown["modality_alignment"]["picture"].md_str
    picture = base64.b64decode(re.search(r"\(data:image/png;base64,([^)]+)\)", text).group(1))
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < pictures.MOST_PICTURE_BYTES
    assert "No image was looked at" in text


def test_a_fit_shows_its_main_figures_as_numbers_and_all_of_them_in_words(shown):
    found = shown["modality_alignment"]
    for key in ("gap/omega", "gap/phi", "gap/psi", "gap/mean_cosine_before", "gap/mean_cosine_after"):
        assert isinstance(found[key], float)
    assert found["gap/mean_cosine_after"] < found["gap/mean_cosine_before"]
    assert (found["method"], found["fitted_on/captions"], found["lost"]) == ("mean_shift", 16, 0)
    assert "**omega**" in found["gap_report"].md_str
    assert words.NO_IMAGES in found["gap_report"].md_str
    assert "gap" not in found
    assert not [key for name, keys in shown.items() if name != "modality_alignment" for key in keys if "gap" in key]


@pytest.mark.parametrize(("method", "used"), [("mean_shift", True), ("matched", False)])
def test_with_images_the_picture_has_their_cloud_too(home, recipe, tmp_path, method, used):
    chosen = with_alignment(recipe, method=method, images={"path": str(ready(tmp_path / "I.arrow"))})
    outcomes = materialize(home, chosen)
    found = metadata.metadata(home, outcomes["modality_alignment", ALL])
    for name in ("frechet", "centroid_distance", "mixing_rate", "cosine_divergence"):
        assert found[f"gap/{name}_after"] < found[f"gap/{name}_before"] or name == "mixing_rate"
    text = found["picture"].md_str
    assert "The images are those of the reference" in text
    assert ("as they are to be used" in text) == used
    assert "No image was looked at" not in text
    assert len(base64.b64decode(re.search(r"base64,([^)]+)\)", text).group(1))) < pictures.MOST_PICTURE_BYTES
    shown = metadata.metadata(home, outcomes["image_reference", ALL])
    assert (shown["dagster/row_count"], shown[columns.KEY]) == (90, columns.known(EVERY["image_reference"]))
    assert not [key for key in (*found, *shown) if key.endswith("_missing")]


def test_probes_show_what_they_found(home, recipe):
    chosen = recipe.model_validate(recipe.model_dump() | {"probing": {"round_trip": True, "share": 1.0}})
    found = metadata.metadata(home, materialize(home, chosen)["round_trip", FIRST])
    assert found["open/asked"] + found["choice/asked"] == found["dagster/partition_row_count"]
    assert 0 < found["open/low"] < found["open/share"] < found["open/high"] < 1
    assert "verdict" in found["sample_rows"].md_str
    assert found[columns.KEY] == columns.known(EVERY["round_trip"])
    assert not [key for key in found if key.endswith("_missing")]


def test_the_release_shows_its_counts_card_and_folder(shown, home):
    found = shown["release"]
    assert found["rows/pretrain"] + found["rows/instruction"] == found["dagster/row_count"]
    assert found["card"].md_str.startswith("# demo\n")
    assert "front" not in found["card"].md_str[:50]
    assert found["folder"] == dg.MetadataValue.path(str((home.releases / "demo" / "latest").resolve()))


def test_nothing_is_json_or_long_but_the_picture_and_the_card(shown):
    for name, found in shown.items():
        for key, value in found.items():
            assert not isinstance(value, dg.JsonMetadataValue), (name, key)
            if isinstance(value, dg.MarkdownMetadataValue) and key not in ("picture", "card", "gap_report"):
                assert len(value.md_str) < 1_000, (name, key)
        assert not [key for key in found if key.endswith("_missing")], name
        size = sum(len(json.dumps(dg.serialize_value(v))) if hasattr(v, "value") else 20 for v in found.values())
        assert size < 250_000


def test_what_cannot_be_shown_is_named_and_fails_nothing(home, recipe, monkeypatch):
    def broken(sets, **options):
        raise RuntimeError("no fonts here")

    monkeypatch.setattr(transfer_picture, "draw", broken)
    outcomes = materialize(home, recipe)
    released = home.path / outcomes["release", ALL].sidecar.metrics["folder"]
    assert "transfer.png" not in (released / "README.md").read_text()
    assert not (released / "transfer.png").exists()
    found = metadata.metadata(home, outcomes["modality_alignment", ALL])
    assert found["picture_missing"] == "RuntimeError: no fonts here"
    assert found["dagster/row_count"] > 0
    for path in home.lake.root.glob("curated_captions/*.parquet"):
        path.unlink()
    found = metadata.metadata(home, outcomes["curated_captions", FIRST])
    assert "There" in found["portrait_missing"] or "cannot be read" in found["portrait_missing"]
    assert found["rows_in"] > 0


def test_types_read_the_same_from_a_schema_and_from_a_file():
    turns = GRAPH["instruction_dialogs"].columns.field("turns").type
    assert columns.type_name(turns) == "list<{question: string, answer: string, options: list<string>}>"
    assert columns.type_name(pa.list_(pa.float16())) == "list<float16>"
