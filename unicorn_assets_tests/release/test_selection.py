"""What the selection leaves out: in no file of the release, told on the card and to who compares it with the last."""

import json

from unicorn_assets.lake.shards import read_rows
from unicorn_assets.release.build import Coverage, build
from unicorn_assets.release.verify import verify
from unicorn_assets_tests.release.lakes import recipe

EVERYTHING = {"formats": ["llava", "webdataset", "unicorn_authors"], "validation": 0.2}


def released(small, folder, before=None, **chosen):
    build(small.lake, recipe(release=chosen), small.shards, Coverage(2, 2), folder, before=before)
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def ids(folder, table):
    return {row["id"] for path in folder.glob(f"**/{table}/*.parquet") for row in read_rows(path, ["id"])}


def test_what_is_left_out_stands_in_no_file(small, tmp_path):
    both, caption, dialog = small.asked[0], small.released[1], small.asked[3]
    assert len({both, caption, dialog}) == 3
    small.select(
        ("pretrain", both, "contaminated"),
        ("instruction", both, "contaminated"),
        ("pretrain", caption, "near_duplicate"),
        ("instruction", dialog, "contaminated"),
    )
    facts = released(small, tmp_path / "out", **EVERYTHING)
    assert list(verify(tmp_path / "out")) == []
    assert ids(tmp_path / "out", "pretrain") == set(small.released) - {both, caption}
    assert ids(tmp_path / "out", "instruction") == set(small.asked) - {both, dialog}
    vectors = facts["tables"]["embeddings"]["rows"]
    assert vectors == len(ids(tmp_path / "out", "pretrain") | ids(tmp_path / "out", "instruction"))
    everything = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*.json"))
    assert both.encode() not in everything
    assert facts["selection"]["pretrain"] == {
        "candidates": len(small.released),
        "selected": len(small.released) - 2,
        "left": {"contaminated": 1, "near_duplicate": 1},
    }
    assert facts["stages"]["selection"]["not_selected"] == {"contaminated": 3, "near_duplicate": 1}
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert (
        f"| `pretrain` | {len(small.released)} | {len(small.released) - 2} | contaminated 1, near_duplicate 1 |" in card
    )
    assert sum(one["pretrain"] for one in facts["licences"]) == len(small.released) - 2


def test_the_next_release_says_why_a_row_is_gone_and_gives_it_back(small, tmp_path):
    first = released(small, tmp_path / "first")
    gone = small.asked[0]
    small.select(("instruction", gone, "near_duplicate"))
    told = released(small, tmp_path / "second", before=tmp_path / "first")["changes"]["tables"]
    assert told["instruction"]["why"] == {"selection: near_duplicate": {"rows": 1, "first": [gone]}}
    assert (told["pretrain"]["dropped"], told["pretrain"]["why"]) == (0, {})
    small.select()
    third = released(small, tmp_path / "third", before=tmp_path / "second")
    assert third["version"] == first["version"]
    assert third["changes"]["tables"]["instruction"]["added"] == 1


def test_a_whole_shard_may_be_left_out(small, tmp_path):
    shard = small.shards[0]
    here = [("pretrain", sample, "mix") for sample in small.of(shard, small.released)]
    small.select(*here, *(("instruction", sample, "mix") for sample in small.of(shard, small.asked)))
    facts = released(small, tmp_path / "out", **EVERYTHING)
    assert facts["tables"]["pretrain"]["shards"][shard] == 0
    assert facts["tables"]["embeddings"]["shards"][shard] == 0
    assert list(verify(tmp_path / "out")) == []
