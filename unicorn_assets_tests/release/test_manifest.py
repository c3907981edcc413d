"""The manifest against the lake that it describes."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from unicorn_assets.lake.files import sha256
from unicorn_assets.release.build import Coverage, build
from unicorn_assets_tests.release.lakes import SmallLake, recipe


@pytest.fixture
def facts(made: tuple[SmallLake, Path]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((made[1] / "manifest.json").read_text(encoding="utf-8"))
    return found


def test_it_counts_rows_by_table_and_shard(made: tuple[SmallLake, Path], facts: dict[str, Any]) -> None:
    small = made[0]
    for table, samples in (("pretrain", small.released), ("instruction", small.asked), ("embeddings", small.released)):
        rows = {shard: len(small.of(shard, samples)) for shard in small.shards}
        assert facts["tables"][table] == {"rows": len(samples), "shards": rows}


def test_rows_are_conserved_in_every_stage(facts: dict[str, Any]) -> None:
    assert list(facts["stages"])[:3] == ["seed_sources", "modality_alignment", "caption_seeds"]
    for name, stage in facts["stages"].items():
        fell = sum(stage["rejected"].values()) + sum(stage["not_selected"].values())
        assert stage["rows_in"] == stage["rows_out"] + fell, name
    assert facts["stages"]["seed_sources"]["rejected"] == {"too_short": 2, "url": 1}
    assert facts["stages"]["curated_captions"]["rejected"] == {"too_long": 14}


def test_it_says_what_decided_each_stage(facts: dict[str, Any]) -> None:
    stages = facts["stages"]
    assert stages["seed_sources"]["decided_by"]["sources"][0]["sha256"] == "ab" * 32
    assert stages["pretrain_dataset"]["fingerprints"] == {
        shard: f"pretrain_dataset-{shard}-" for shard in ("shard-0000", "shard-0001")
    }
    assert facts["made_by"]["engine"] == {"kind": "rules", "model": "rules", "revision": ""}
    encoder = facts["made_by"]["encoder"]
    assert encoder["name"] == "tiny-encoder"
    assert (encoder["dimension"], encoder["token_limit"], encoder["rows_cut"]) == (8, 256, 2)
    assert facts["made_by"]["transfer"]["version"] == "modality_alignment-all-"
    assert set(facts["libraries"]) == {"numpy", "pyarrow"}


def test_the_recipe_is_whole_but_for_the_folders(facts: dict[str, Any]) -> None:
    expected = recipe().model_dump(mode="json")
    for source, name in zip(expected["seeds"]["sources"], ("coco.jsonl", "labels.toml"), strict=True):
        source["path"] = name
    assert facts["recipe"] == expected


def test_licences_count_each_released_row_by_its_source(made: tuple[SmallLake, Path], facts: dict[str, Any]) -> None:
    small = made[0]
    named = {0: "coco", 1: "labels"}
    pretrain = Counter(named[int(one, 16) % 2] for one in small.released)
    instruction = Counter(named[int(one, 16) % 2] for one in small.asked)
    assert facts["licences"] == [
        {
            "source": source.name,
            "licence": source.licence,
            "origin": source.origin,
            "pretrain": pretrain[source.name],
            "instruction": instruction[source.name],
        }
        for source in recipe().seeds.sources
    ]


def test_it_describes_every_other_file(made: tuple[SmallLake, Path], facts: dict[str, Any]) -> None:
    folder = made[1]
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    del files["manifest.json"]
    assert facts["files"] == {
        name: {"bytes": path.stat().st_size, "sha256": sha256(path)} for name, path in sorted(files.items())
    }


def test_warnings_are_counted_by_check(facts: dict[str, Any]) -> None:
    warned = facts["stages"]["text_embeddings"]["warnings"]["nothing_cut"]
    assert warned == {"shards": 2, "description": "No caption is longer than the encoder's token limit."}
    assert facts["stages"]["caption_seeds"]["warnings"] == {}


def test_partial_coverage_names_the_missing_shards(small: SmallLake, tmp_path: Path) -> None:
    missing = {"shard-0001": "not made yet"}
    build(small.lake, recipe(), ["shard-0000"], Coverage(1, 2, missing), tmp_path / "draft")
    found = json.loads((tmp_path / "draft" / "manifest.json").read_text())
    assert found["coverage"] == {"released": 1, "expected": 2, "missing": ["shard-0001"]}
    assert list(found["stages"]["curated_captions"]["fingerprints"]) == ["shard-0000"]
    assert "Missing: shard-0001." in (tmp_path / "draft" / "README.md").read_text()
