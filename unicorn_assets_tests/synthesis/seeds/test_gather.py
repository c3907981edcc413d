"""A corpus gathered: what is picked, what is set aside, and what stops it."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from unicorn_assets.errors import LakeError, SeedError
from unicorn_assets.identity import row_seed, sample_id, shard_names, shard_number
from unicorn_assets.lake import sorting
from unicorn_assets.recipe import CHECKOUT, Seeds
from unicorn_assets.synthesis.seeds.buckets import SEEDS
from unicorn_assets.synthesis.seeds.gather import gather
from unicorn_assets.synthesis.seeds.pick import SET_ASIDE
from unicorn_assets_tests.synthesis.seeds.gathering import CAPTIONS, Result, captions
from unicorn_assets_tests.synthesis.seeds.writing import source, write_table, write_text


def test_rows_of_a_small_corpus(tmp_path):
    one = captions(
        tmp_path,
        "one.jsonl",
        [{"caption": "A dog  runs .", "image_id": 1, "topic": "pets"}],
        licence="CC0-1.0",
        origin="me",
    )
    two = source(write_text(tmp_path, "two.txt", "A dog runs.\nA cat sits\n\n"))
    found = Result(tmp_path, [one, two])
    assert pq.read_schema(found.out) == SEEDS
    assert pq.read_schema(found.aside_path) == SET_ASIDE
    dog = next(row for row in found.seeds if row["source"] == "one")
    names = shard_names(3)
    assert dog == {
        "id": sample_id("A dog runs."),
        "shard": names[shard_number(sample_id("A dog runs."), 3)],
        "seed": "A dog runs.",
        "source": "one",
        "licence": "CC0-1.0",
        "origin": "me",
        "image_id": "1",
        "topic": "pets",
        "file": "one.jsonl",
        "row": 1,
    }
    assert found.captions == {"A dog runs.", "A cat sits"}
    assert found.aside == [
        {
            "id": sample_id("A dog runs."),
            "outcome": "rejected",
            "reason": "duplicate",
            "detail": "first in one, row 1",
            "text": "A dog runs.",
            "source": "two",
            "file": "two.txt",
            "row": 1,
            "licence": "unknown",
            "origin": "",
        },
        {
            "id": None,
            "outcome": "rejected",
            "reason": "empty",
            "detail": "nothing is left after cleaning",
            "text": "",
            "source": "two",
            "file": "two.txt",
            "row": 3,
            "licence": "unknown",
            "origin": "",
        },
    ]
    counts = found.gathered
    assert (counts.rows_in, counts.rows_out, counts.not_selected) == (4, 2, {})
    assert counts.rejected == {"duplicate": 1, "empty": 1}
    assert (counts.sources["two"].rows_in, counts.sources["two"].rows_out) == (3, 1)
    assert {name: str(taken) for name, taken in counts.columns.items()} == {
        "one": "caption from `caption`, image id from `image_id`, topic from `topic`",
        "two": "caption from `line`",
    }
    assert found.heard[-1] == 4
    assert list(found.work.iterdir()) == []


def test_an_image_keeps_its_smallest_caption_across_sources(tmp_path):
    rows = [{"caption": caption, "image_id": 7} for caption in CAPTIONS]
    sources = [captions(tmp_path, "one.jsonl", rows[:4]), captions(tmp_path, "two.csv", rows[4:])]
    chosen = min(CAPTIONS, key=sample_id)
    found = Result(tmp_path, sources)
    assert found.captions == {chosen}
    assert found.gathered.not_selected == {"other_caption_of_image": 8}
    assert {row["detail"] for row in found.aside} == {f"the image keeps {sample_id(chosen)}"}


def test_collections_have_ids_of_their_own(tmp_path):
    rows = [{"caption": caption, "image_id": 7} for caption in CAPTIONS]
    sources = [captions(tmp_path, "one.jsonl", rows[:4], images="coco"), captions(tmp_path, "two.jsonl", rows[4:])]
    assert Result(tmp_path, sources).gathered.rows_out == 2


def test_the_first_source_keeps_a_duplicate_then_the_lowest_row(tmp_path):
    late = captions(tmp_path, "late.jsonl", ["A cow sits", "A dog runs", "A dog runs "])
    early = captions(tmp_path, "early.jsonl", ["A cat sits", "A dog  runs"])
    found = Result(tmp_path, [late, early])
    assert {(row["seed"], row["source"], row["row"]) for row in found.seeds} == {
        ("A cow sits", "late", 1),
        ("A dog runs", "late", 2),
        ("A cat sits", "early", 1),
    }
    assert found.reasons() == [("late", 3, "duplicate"), ("early", 2, "duplicate")]
    assert Result(tmp_path, [early, late]).reasons() == [("late", 2, "duplicate"), ("late", 3, "duplicate")]


def test_a_source_draws_by_hash_and_keeps_its_draw_when_it_grows(tmp_path):
    sources = [captions(tmp_path, "one.jsonl", CAPTIONS, draw=4), captions(tmp_path, "two.jsonl", ["A hen runs by"])]
    found = Result(tmp_path, sources)
    drawn = sorted(CAPTIONS, key=lambda text: row_seed(sample_id(text), "seeds"))
    assert found.captions == {*drawn[:4], "A hen runs by"}
    assert found.gathered.not_selected == {"not_drawn": 5}
    assert {row["detail"] for row in found.aside} == {"draw = 4"}
    fewer = captions(tmp_path, "one.jsonl", [text for text in CAPTIONS if text != drawn[6]], draw=4)
    assert Result(tmp_path, [fewer]).captions == set(drawn[:4])


def test_labels_and_captions_together(tmp_path):
    templates = ["Hot {label} steams", "{a label} cools", "My {label} spills"]
    text = f'[[domains]]\nname = "food"\nlabels = ["laksa"]\ntemplates = {templates}\n'
    sources = [source(write_text(tmp_path, "food.toml", text), templates=2), captions(tmp_path, "one.jsonl", CAPTIONS)]
    found = Result(tmp_path, sources)
    counts = found.gathered.sources["food"]
    assert counts.rows_in == 3
    assert counts.not_selected == {"template_not_drawn": 1}
    assert counts.rows_out + sum(counts.rejected.values()) == 2
    assert {row["topic"] for row in found.seeds if row["source"] == "food"} == {"food"}


def test_every_wrong_row_is_on_record(tmp_path):
    lines = [
        b'{"caption": "A dog runs"}',
        b"caf\xe9",
        b"a\x00b",
        b"nonsense",
        b"[1]",
        b'{"caption": 7}',
        b'{"caption": "x"}',
    ]
    found = Result(tmp_path, [source(write_text(tmp_path, "a.jsonl", b"\n".join(lines)))])
    assert [row["reason"] for row in found.aside] == [
        "bad_encoding",
        "nul_byte",
        "invalid_json",
        "not_an_object",
        "not_text",
        "too_short",
    ]
    assert [row["row"] for row in found.aside] == [2, 3, 4, 5, 6, 7]


def test_the_recipes_limits_hold(tmp_path):
    one = captions(tmp_path, "one.jsonl", ["A dog", "A dog runs", "A dog runs home"])
    assert Result(tmp_path, [one], min_words=2).gathered.rows_out == 3
    assert Result(tmp_path, [one], max_words=3).gathered.rejected == {"too_long": 1, "too_short": 1}


def test_no_seed_left_says_why_and_writes_nothing(tmp_path):
    with pytest.raises(SeedError, match=r"Not one of the 3 rows gives a seed \(empty: 1, too_short: 2\)"):
        Result(tmp_path, [source(write_text(tmp_path, "a.txt", "dog\n\ncat\n"))])
    assert not (tmp_path / "out.parquet").exists()
    assert not (tmp_path / "aside.parquet").exists()


def test_a_wrong_file_stops_before_anything_is_written(tmp_path):
    good = captions(tmp_path, "good.jsonl", CAPTIONS)
    cut = write_table(tmp_path, "cut.jsonl.gz", [{"caption": f"A dog runs {n}"} for n in range(40_000)])
    cut.write_bytes(cut.read_bytes()[:-20])
    with pytest.raises(SeedError, match="is cut short"):
        Result(tmp_path, [good, source(cut)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.jsonl.gz", "good.jsonl", "work"]
    assert list((tmp_path / "work").iterdir()) == []


def test_leftovers_of_a_killed_run_do_not_matter(tmp_path):
    one = captions(tmp_path, "one.jsonl", CAPTIONS)
    (tmp_path / "work" / "pick").mkdir(parents=True)
    (tmp_path / "work" / "pick" / "work.duckdb").write_bytes(b"half a file")
    assert Result(tmp_path, [one]).gathered.rows_out == 9


def test_no_room_to_sort_names_the_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(sorting, "MEMORY", "1MB")
    one = captions(tmp_path, "one.jsonl", [f"A dog runs to house {word}" for word in range(20_000)])
    with pytest.raises(LakeError, match=r"cannot be sorted in .*work"):
        Result(tmp_path, [one])
    assert not (tmp_path / "out.parquet").exists()


def test_folders_with_odd_names(tmp_path):
    folder = tmp_path / "it's [a] *folder* ü"
    folder.mkdir()
    assert Result(folder, [captions(folder, "one.jsonl", CAPTIONS)]).gathered.rows_out == 9


def test_the_same_bytes_each_time_and_no_trace_of_the_machine(tmp_path):
    rows = [{"caption": f"A dog runs to house {n % 25_000} by night", "image_id": n // 3} for n in range(30_000)]
    files, buckets = set(), []
    for name in ("here", "there"):
        folder = tmp_path / name
        folder.mkdir()
        found = Result(folder, [captions(folder, "one.jsonl", rows, draw=8000)], shards=5)
        files.add((found.out.read_bytes(), found.aside_path.read_bytes()))
        buckets.append(found.gathered.buckets)
        assert b"here" not in found.out.read_bytes()
    assert len(files) == 1
    assert buckets[0] == buckets[1]


def test_the_same_captions_in_every_format_give_the_same_ids(tmp_path):
    rows = [{"caption": caption, "image_id": str(number)} for number, caption in enumerate(CAPTIONS)]
    names = [f"{kind}{pack}" for kind in ("jsonl", "csv", "tsv", "txt") for pack in ("", ".gz", ".zst")] + ["parquet"]
    ids = set()
    for name in names:
        found = Result(tmp_path, [source(write_table(tmp_path, f"one.{name}", rows))])
        ids.add(tuple(row["id"] for row in found.seeds))
        shutil.rmtree(found.work)
    assert len(ids) == 1
    assert len(ids.pop()) == len(CAPTIONS)


def test_a_full_disk_is_the_systems_refusal(tmp_path):
    one = captions(tmp_path, "one.jsonl", CAPTIONS)
    with pytest.raises(OSError, match="No space left"):
        gather(Seeds(sources=(one,)), 1, Path("/dev/full"), tmp_path / "aside.parquet", tmp_path / "work")


def test_real_captions(tmp_path):
    path = CHECKOUT.parent / "shared" / "data" / "coco_captions_500.jsonl"
    if not path.is_file():
        path = next(iter(sorted((CHECKOUT / "data" / "seeds").glob("*.jsonl"))), None)
        if path is None:
            pytest.skip("neither the shared captions nor the shipped seeds are here")
    found = Result(tmp_path, [source(path)])
    counts = found.gathered
    assert counts.rows_in == len(path.read_bytes().splitlines())
    assert counts.rows_in == counts.rows_out + len(found.aside)
    assert counts.rows_out >= 0.95 * counts.rows_in
    assert all(not text.endswith(" .") and "  " not in text for text in found.captions)
