import pytest

from unicorn_assets.errors import LakeError
from unicorn_assets.identity import shard_name, shard_number
from unicorn_assets.lake import lineage
from unicorn_assets.lake.layout import ALL, Lake
from unicorn_assets_tests.lake.making import ids, make

SHARDS = 3
STAGES = ["seed_sources", "caption_seeds", "expanded_captions", "instruction_dialogs", "pretrain_dataset"]


@pytest.fixture
def samples() -> list[str]:
    """Four ids of one shard, in order: kept, rejected, not selected, absent."""
    return [sample for sample in ids(60) if shard_number(sample, SHARDS) == 1][:4]


@pytest.fixture
def lake(tmp_path, samples) -> Lake:
    lake, shard = Lake(tmp_path / "key=value" / "la[k]e"), shard_name(1)
    kept, rejected, skipped, _ = samples
    make(lake, "seed_sources", ALL, samples[:3], rejected=ids(1, 100))
    make(lake, "caption_seeds", shard, samples[:3])
    make(lake, "caption_seeds", shard_name(0), [])
    make(lake, "expanded_captions", shard, [kept, skipped], rejected=[rejected])
    make(lake, "instruction_dialogs", shard, [kept], skipped=[skipped])
    return lake


def told(lake: Lake, sample: str) -> dict[str, dict]:
    return {step["stage"]: step for step in lineage.story(lake, STAGES, SHARDS, sample)}


def test_a_kept_sample_is_told_with_its_rows_and_what_made_them(lake, samples):
    story = told(lake, samples[0])
    assert list(story) == STAGES[:4], "a stage that was not made is not told"
    assert {step["outcome"] for step in story.values()} == {"kept"}
    assert story["caption_seeds"]["shard"] == "shard-0001"
    assert story["seed_sources"]["shard"] == ALL
    assert story["instruction_dialogs"]["row"] == {"task": "multiple_choice"}
    assert story["expanded_captions"]["row"] == {"caption": "a long caption"}
    made_by = story["expanded_captions"]["made_by"]
    assert made_by["fingerprint"] == "ab" * 16
    assert made_by["run_id"] == "run"
    assert made_by["decided_by"]["engine"]["kind"] == "rules"
    assert made_by["checks"] == {"rows_conserved": True}


def test_a_rejected_sample_is_told_with_its_reason_and_is_absent_below(lake, samples):
    story = told(lake, samples[1])
    assert [step["outcome"] for step in story.values()] == ["kept", "kept", "rejected", "absent"]
    step = story["expanded_captions"]
    assert (step["reason"], step["detail"], step["text"]) == ("too_short", "2 words", "text")
    assert "row" not in step


def test_a_sample_that_was_not_selected_says_so(lake, samples):
    step = told(lake, samples[2])["instruction_dialogs"]
    assert (step["outcome"], step["reason"], step["detail"]) == ("not_selected", "not_drawn", "drawn by hash")


def test_a_sample_that_never_was_is_absent_everywhere(lake, samples):
    assert {step["outcome"] for step in told(lake, samples[3]).values()} == {"absent"}
    assert lineage.story(Lake(lake.root / "nothing"), STAGES, SHARDS, samples[3]) == []


def test_a_kept_sample_that_came_again_tells_of_both(tmp_path, samples):
    lake = Lake(tmp_path)
    make(lake, "seed_sources", ALL, samples, skipped=samples[:1])
    step = told(lake, samples[0])["seed_sources"]
    assert step["outcome"] == "kept"
    assert [other["reason"] for other in step["also"]] == ["not_drawn"]
    assert "also" not in told(lake, samples[1])["seed_sources"]


@pytest.mark.parametrize("kind", ["rows", "set_aside"])
@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"x" * 500)])
def test_a_damaged_file_is_named(lake, samples, kind, damage):
    path = getattr(lake, kind)("expanded_captions", "shard-0001")
    damage(path)
    with pytest.raises(LakeError) as caught:
        told(lake, samples[0])
    assert str(path) in caught.value.what


def test_a_damaged_sidecar_is_named(lake, samples):
    path = lake.sidecar_path("expanded_captions", "shard-0001")
    path.write_text("{")
    with pytest.raises(LakeError, match="is damaged"):
        told(lake, samples[0])


def test_an_id_is_found_among_many_row_groups(tmp_path):
    lake, many = Lake(tmp_path), ids(9000)
    make(lake, "caption_seeds", "shard-0000", many)
    for sample in (many[0], many[4095], many[4096], many[-1]):
        assert [row["id"] for row in lineage.find(lake.rows("caption_seeds", "shard-0000"), sample)] == [sample]
    assert lineage.find(lake.rows("caption_seeds", "shard-0000"), "f" * 20) == []


@pytest.mark.parametrize(
    ("text", "could_be"),
    [("0123456789abcdef0123", True), ("0123456789ABCDEF0123", False), ("0123", False), ("x" * 20, False), ("", False)],
)
def test_only_twenty_hexadecimal_digits_are_an_id(text, could_be):
    assert lineage.is_id(text) is could_be
