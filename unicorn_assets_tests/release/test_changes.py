"""What a manifest says of the release before: rows added, dropped and why, rewritten, and which settings differ."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from unicorn_assets.errors import LakeError
from unicorn_assets.identity import shard_name, shard_number
from unicorn_assets.lake.shards import ShardWriter
from unicorn_assets.release import changes
from unicorn_assets.release.build import Built, Coverage, build, intact, latest, publish
from unicorn_assets.release.splits import split_of
from unicorn_assets_tests.release.lakes import PRETRAIN, SmallLake, recipe


def release(
    small: SmallLake, draft: Path, before: Path | None, shards: list[str] | None = None, **chosen: Any
) -> tuple[Built, dict[str, Any]]:
    shards = shards or small.shards
    missing = {shard: "not made yet" for shard in small.shards if shard not in shards}
    covered = Coverage(len(shards), len(small.shards), missing)
    built = build(small.lake, recipe(**chosen), shards, covered, draft, before=before)
    return built, json.loads((draft / "manifest.json").read_text(encoding="utf-8"))["changes"]


def without(small: SmallLake, dropped: dict[str, tuple[str, str]]) -> None:
    """Makes the datasets without some samples, each set aside by a stage for a reason."""
    for shard in small.shards:
        here = {one: why for one, why in dropped.items() if one in small.of(shard, list(dropped))}
        for stage in sorted({stage for stage, _ in here.values()}):
            with small.stage(stage, shard, rows_out=1) as drafts:
                out = ShardWriter(drafts, PRETRAIN, "f")
                for sample, (by, reason) in sorted(here.items()):
                    if by == stage:
                        out.reject(sample, reason, "…", "…")
                out.finish()
        for stage, samples in (("pretrain_dataset", small.released), ("instruction_dataset", small.asked)):
            fell = {one for one, (by, _) in here.items() if stage != "pretrain_dataset" or by != "instruction_dialogs"}
            left = [one for one in small.of(shard, samples) if one not in fell]
            small.dataset(stage, shard, left)


@pytest.fixture
def first(small: SmallLake, tmp_path: Path) -> Path:
    release(small, tmp_path / "first", None)
    return tmp_path / "first"


def test_a_first_release_tells_of_no_changes(first: Path) -> None:
    assert json.loads((first / "manifest.json").read_text())["changes"] is None


def test_dropped_rows_are_told_by_the_stage_and_reason_that_dropped_them(
    small: SmallLake, first: Path, tmp_path: Path
) -> None:
    asked, other = small.asked[0], next(one for one in small.released if one not in small.asked)
    quiet = small.asked[1]
    dropped = {
        asked: ("curated_captions", "near_duplicate"),
        other: ("curated_captions", "too_long"),
        quiet: ("instruction_dialogs", "leak"),
    }
    without(small, dropped)
    _, told = release(small, tmp_path / "second", first)
    assert told["since"] == json.loads((first / "manifest.json").read_text())["version"]
    assert told["tables"]["pretrain"] == {
        "added": 0,
        "dropped": 2,
        "rewritten": 0,
        "why": {
            "curated_captions: near_duplicate": {"rows": 1, "first": [asked]},
            "curated_captions: too_long": {"rows": 1, "first": [other]},
        },
    }
    assert told["tables"]["instruction"]["why"] == {
        "curated_captions: near_duplicate": {"rows": 1, "first": [asked]},
        "instruction_dialogs: leak": {"rows": 1, "first": [quiet]},
    }
    assert told["settings"] == []


def test_the_last_stage_that_a_row_reached_tells(small: SmallLake, first: Path, tmp_path: Path) -> None:
    """A duplicate of a seed is set aside at the sources under the id that goes on."""
    lost = small.released[0]
    without(small, {lost: ("curated_captions", "too_long")})
    with small.stage("seed_sources", "all", rows_out=40) as drafts:
        out = ShardWriter(drafts, PRETRAIN, "f")
        out.reject(lost, "duplicate", "…", "…")
        out.finish()
    _, told = release(small, tmp_path / "second", first)
    assert list(told["tables"]["pretrain"]["why"]) == ["curated_captions: too_long"]


def test_a_seed_that_no_source_gives_any_more_is_told(small: SmallLake, first: Path, tmp_path: Path) -> None:
    gone = small.released[0]
    shard = shard_name(shard_number(gone, 2))
    small.seeds(shard, [one for one in small.of(shard, list(small.captions)) if one != gone])
    small.dataset("pretrain_dataset", shard, [one for one in small.of(shard, small.released) if one != gone])
    small.dataset("instruction_dataset", shard, [one for one in small.of(shard, small.asked) if one != gone])
    _, told = release(small, tmp_path / "second", first)
    assert told["tables"]["pretrain"]["why"] == {changes.GONE: {"rows": 1, "first": [gone]}}


def test_a_row_that_nothing_tells_of_is_not_explained(small: SmallLake, first: Path, tmp_path: Path) -> None:
    lost = small.of("shard-0001", small.released)[0]
    small.dataset(
        "pretrain_dataset", "shard-0001", [one for one in small.of("shard-0001", small.released) if one != lost]
    )
    _, told = release(small, tmp_path / "second", first)
    assert told["tables"]["pretrain"]["why"] == {changes.UNKNOWN: {"rows": 1, "first": [lost]}}


def test_rows_of_a_shard_that_is_not_released_are_told(small: SmallLake, first: Path, tmp_path: Path) -> None:
    _, told = release(small, tmp_path / "second", first, shards=["shard-0000"])
    lost = small.of("shard-0001", small.released)
    why = told["tables"]["pretrain"]["why"]
    assert why == {changes.UNRELEASED: {"rows": len(lost), "first": lost[: changes.SHOWN]}}
    _, back = release(small, tmp_path / "third", tmp_path / "second")
    assert back["tables"]["pretrain"] == {"added": len(lost), "dropped": 0, "rewritten": 0, "why": {}}


def test_rows_that_are_held_out_now_are_told_as_moved(small: SmallLake, first: Path, tmp_path: Path) -> None:
    _, told = release(small, tmp_path / "second", first, release={"validation": 0.3})
    held = [one for one in small.released if split_of(one, 0.3) == "validation"]
    table = told["tables"]["pretrain"]
    assert table["dropped"] == len(held)
    assert table["why"] == {"moved to validation": {"rows": len(held), "first": held[: changes.SHOWN]}}
    assert told["tables"]["validation/pretrain"]["added"] == len(held)
    assert told["settings"] == ["recipe.release.validation: 0.0 -> 0.3"]
    _, back = release(small, tmp_path / "third", tmp_path / "second")
    assert back["tables"]["validation/pretrain"]["why"]["moved to train"]["rows"] == len(held)


def test_rewritten_rows_and_changed_settings_are_told(small: SmallLake, first: Path, tmp_path: Path) -> None:
    other = small.of("shard-0000", small.released)[:2]
    for sample in other:
        small.captions[sample] += " And a kite."
    for stage, samples in (("pretrain_dataset", small.released), ("instruction_dataset", small.asked)):
        small.dataset(stage, "shard-0000", small.of("shard-0000", samples))
    _, told = release(small, tmp_path / "second", first, curation={"min_words": 41})
    assert told["tables"]["pretrain"] == {"added": 0, "dropped": 0, "rewritten": 2, "why": {}}
    assert told["tables"]["instruction"]["rewritten"] == len(set(other) & set(small.asked))
    assert told["settings"] == ["recipe.curation.min_words: 40 -> 41"]


def test_another_number_of_shards_is_no_change_of_rows(first: Path, tmp_path: Path) -> None:
    resharded = SmallLake(tmp_path / "resharded", shards=3)
    build(resharded.lake, recipe(3), resharded.shards, Coverage(3, 3), tmp_path / "second", before=first)
    told = json.loads((tmp_path / "second" / "manifest.json").read_text())["changes"]
    assert {(one["added"], one["dropped"], one["rewritten"]) for one in told["tables"].values()} == {(0, 0, 0)}
    assert told["settings"] == ["recipe.shards: 2 -> 3"]


def test_what_went_before_is_no_part_of_the_version(small: SmallLake, first: Path, tmp_path: Path) -> None:
    release(small, tmp_path / "half", None, shards=["shard-0000"])
    alone, _ = release(small, tmp_path / "alone", None)
    after, told = release(small, tmp_path / "after", tmp_path / "half")
    assert told["tables"]["pretrain"]["added"] > 0
    assert alone.version == after.version
    assert (tmp_path / "alone" / "README.md").read_bytes() == (tmp_path / "after" / "README.md").read_bytes()


def test_a_damaged_release_before_stops_nothing(small: SmallLake, first: Path, tmp_path: Path) -> None:
    path = first / "pretrain" / "shard-0000.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:40])
    small.dataset("pretrain_dataset", "shard-0000", small.of("shard-0000", small.released)[1:])
    _, told = release(small, tmp_path / "second", first)
    assert (told["problem"], told["tables"]) == (changes.DAMAGED, {})
    for number, place in enumerate(range(8, len(whole) - 8, len(whole) // 12)):  # whatever DuckDB makes of it
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        assert release(small, tmp_path / f"flipped-{number}", first)[1]["problem"] == changes.DAMAGED
    path.unlink()
    assert release(small, tmp_path / "third", first)[1]["problem"] == changes.DAMAGED
    (first / "manifest.json").write_text("{}")
    assert release(small, tmp_path / "fourth", first)[1] is None


def test_a_file_of_the_lake_that_cannot_be_read_is_named(small: SmallLake, first: Path, tmp_path: Path) -> None:
    without(small, {small.released[0]: ("curated_captions", "too_long")})
    shard = shard_name(shard_number(small.released[0], 2))
    path = small.lake.set_aside("curated_captions", shard)
    path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(LakeError, match="cannot be compared with the one before") as error:
        release(small, tmp_path / "second", first)
    assert "unicorn status" in error.value.cure
    assert not list(tmp_path.glob("*.spill"))


def test_signs_of_patterns_in_a_folder_are_no_patterns(small: SmallLake, first: Path, tmp_path: Path) -> None:
    odd = tmp_path / "a[b]*'?" / "key=value"
    odd.parent.mkdir()
    shutil.move(first, odd)
    _, told = release(small, tmp_path / "second", odd, shards=["shard-0000"])
    assert told["tables"]["pretrain"]["dropped"] == len(small.of("shard-0001", small.released))


def test_a_version_is_never_written_again(small: SmallLake, tmp_path: Path) -> None:
    """A, then B, then A again: the first A stands as it was, what it says of changes included."""
    releases = tmp_path / "releases"

    def out(shards: list[str] | None = None) -> Path:
        built, _ = release(small, tmp_path / "draft", latest(releases / "small"), shards)
        return publish(tmp_path / "draft", releases, "small", built.version)

    one = out()
    was = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in one.rglob("*") if path.is_file()}
    two = out(["shard-0000"])
    assert two != one
    assert json.loads((two / "manifest.json").read_text())["changes"]["since"] == one.name
    assert out() == one
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in was} == was
    assert latest(releases / "small") == one
    assert intact(one, thorough=True) is None


def test_what_is_said_of_changes_is_sealed(small: SmallLake, first: Path, tmp_path: Path) -> None:
    release(small, tmp_path / "second", first, shards=["shard-0000"])
    path = tmp_path / "second" / "manifest.json"
    text = path.read_text()
    assert text.count('"rewritten": 0') > 1
    path.write_text(text.replace('"rewritten": 0', '"rewritten": 1', 1))
    assert "what it says of changes is not what was written" in str(intact(tmp_path / "second"))


def test_the_same_release_again_keeps_what_is_said_of_changes(small: SmallLake, first: Path, tmp_path: Path) -> None:
    without(small, {small.released[0]: ("curated_captions", "too_long")})
    _, told = release(small, tmp_path / "second", first)
    assert told["since"]
    (tmp_path / "second" / "README.md").unlink()  # damaged, so that it is released again
    assert release(small, tmp_path / "again", tmp_path / "second")[1] == told
