"""`unicorn verify`: files that are not those of the manifest, and a manifest that is not its own, are named."""

import errno
import json
import re
from collections.abc import Callable
from functools import reduce
from pathlib import Path

import numpy as np
import pytest

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.files import sha256
from unicorn_assets.release import publish, verify
from unicorn_assets.release.manifest import FILE, Manifest
from unicorn_assets.release.meters import Meters
from unicorn_assets.release.rows import ReleaseRows
from unicorn_assets_tests.release.damage import (
    DIALOGS,
    ROWS,
    SHARD,
    VECTORS,
    found,
    one,
    reseal,
)
from unicorn_assets_tests.release.lakes import SmallLake


def test_a_whole_release_has_no_faults(everything: tuple[SmallLake, Path], made: tuple[SmallLake, Path]) -> None:
    assert found(everything[1]) == []
    assert found(made[1]) == []


def test_progress_ends_at_the_last_shard(made: tuple[SmallLake, Path]) -> None:
    told: list[tuple[int, int]] = []
    assert list(verify.verify(made[1], lambda *said: told.append(said))) == []
    assert told == [(1, 2), (2, 2)]


EVERY_FILE = (
    ROWS,
    DIALOGS,
    VECTORS,
    f"validation/pretrain/{SHARD}.parquet",
    "llava/pretrain.json",
    "llava/pretrain.index.arrow",
    "validation/llava/instruction.json",
    f"webdataset/pretrain/{SHARD}.tar",
    "unicorn_authors/Pretrain.json",
    "unicorn_authors/embeddings/caption_embeddings_1.pkl",
    "README.md",
)


@pytest.mark.parametrize("name", EVERY_FILE)
def test_a_flipped_bit_is_named(copy: Path, name: str) -> None:
    path = copy / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert f"{path} does not have the content that manifest.json describes." in found(copy)


@pytest.mark.parametrize("name", [name for name in EVERY_FILE if not name.endswith((".pkl", ".md"))])
def test_whatever_bits_are_flipped_the_look_goes_on(copy: Path, name: str) -> None:
    """The hash tells; beyond it the rows of a damaged file are looked at without a traceback."""
    path = copy / name
    whole = path.read_bytes()
    for place in np.random.default_rng(len(whole)).integers(0, len(whole), 25):
        content = bytearray(whole)
        content[place] ^= 1 << int(place % 8)
        path.write_bytes(content)
        assert f"{path} does not have the content that manifest.json describes." in found(copy)


@pytest.mark.parametrize("name", EVERY_FILE)
def test_a_file_cut_short_is_named(copy: Path, name: str) -> None:
    path = copy / name
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[: size // 2])
    assert f"{path} has {size // 2:,} bytes instead of {size:,}." in found(copy)


@pytest.mark.parametrize("name", EVERY_FILE)
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    assert f"{copy / name} is missing." in found(copy)


def test_a_file_too_many_is_named_where_readers_would_take_it(copy: Path) -> None:
    (copy / "notes.txt").touch()
    assert found(copy) == []
    (copy / "pretrain" / "mine.parquet").touch()
    assert found(copy) == [f"{copy / 'pretrain' / 'mine.parquet'} is no part of the release."]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text.replace('"rows_in": 60', '"rows_in": 61', 1), "does not give the version that it names"),
        (lambda text: re.sub(r'"seal": "\w+"', '"seal": "0"', text), "what it says of changes is not what was written"),
    ],
)
def test_a_changed_manifest_is_named(copy: Path, change: Callable[[str], str], says: str) -> None:
    text = (copy / FILE).read_text()
    (copy / FILE).write_text(change(text))
    assert (copy / FILE).read_text() != text
    assert [one for one in found(copy) if says in one]


@pytest.mark.parametrize("key", ["made_by.encoder.dimension", "recipe.shards", "recipe.alignment.renormalise"])
def test_a_manifest_that_lacks_what_is_asked_of_it_is_damaged(copy: Path, key: str) -> None:
    facts = json.loads((copy / FILE).read_text())
    *above, last = key.split(".")
    del reduce(dict.__getitem__, above, facts)[last]
    (copy / FILE).write_text(json.dumps(facts))
    for look in (found, ReleaseRows):
        with pytest.raises(LakeError, match=r"is damaged \(its recipe or encoder is cut short\)"):
            look(copy)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: No such file"),
        (b"\xff", "is no manifest of a release"),
        (b"[]", "is no manifest of a release"),
        (b'{"format": 2}', "is of format 2"),
        (b'{"format": 3}', "is damaged"),
        (b'{"format": 4}', "is damaged"),
        (b'{"format": 5}', "reads formats 3 to 4"),
    ],
)
def test_what_is_no_release_is_refused(copy: Path, content: bytes | None, says: str) -> None:
    (copy / FILE).unlink()
    if content is not None:
        (copy / FILE).write_bytes(content)
    with pytest.raises(LakeError, match=says) as error:
        found(copy)
    assert str(copy / FILE) in error.value.what


def test_a_release_of_before_there_were_meters_is_still_read(copy: Path) -> None:
    facts = json.loads((copy / FILE).read_text())
    assert "meters" not in facts  # none were given
    (copy / FILE).write_text(json.dumps(facts | {"format": 3}))
    reseal(copy)
    assert found(copy) == []
    assert json.loads((copy / FILE).read_text())["format"] == 3


def test_meters_are_part_of_the_content(copy: Path) -> None:
    before = Manifest.model_validate_json((copy / FILE).read_bytes())
    reseal(copy, meters=Meters(vendi_score=3.0))
    after = Manifest.model_validate_json((copy / FILE).read_bytes())
    assert (after.meters, found(copy)) == (Meters(vendi_score=3.0), [])
    assert after.version != before.version
    (copy / FILE).write_text((copy / FILE).read_text().replace('"vendi_score": 3.0', '"vendi_score": 4.0'))
    one(found(copy), FILE, "is damaged")


def test_counts_of_the_manifest_that_do_not_fit_are_named(copy: Path) -> None:
    manifest = Manifest.model_validate_json((copy / FILE).read_bytes())
    pretrain = manifest.tables["pretrain"]
    wrong = pretrain.model_copy(update={"rows": pretrain.rows + 1})
    reseal(copy, tables=manifest.tables | {"pretrain": wrong})
    faults = found(copy)
    one(faults, f"{copy / FILE} says that pretrain has {pretrain.rows + 1} rows; its 2 shards have {pretrain.rows}")
    one(faults, f"{copy / FILE} counts ", "rows of pretrain by licence")


@pytest.mark.parametrize("shards", [{}, {"shard-0000": 1}])
def test_shards_that_the_tables_do_not_share_are_named(copy: Path, shards: dict[str, int]) -> None:
    manifest = Manifest.model_validate_json((copy / FILE).read_bytes())
    wrong = manifest.tables["pretrain"].model_copy(update={"shards": shards})
    reseal(copy, tables=manifest.tables | {"pretrain": wrong})
    one(found(copy), f"{copy / FILE} says that pretrain has ", f"its {len(shards)} shards have {sum(shards.values())}")


def test_a_manifest_that_is_another_one_is_all_that_is_told(copy: Path) -> None:
    facts = json.loads((copy / FILE).read_text())
    del facts["tables"]["embeddings"]
    facts["recipe"]["shards"] = 3
    (copy / FILE).write_text(json.dumps(facts))
    assert [one for one in found(copy) if "does not give the version that it names" in one] == found(copy)


def test_a_file_that_the_disk_does_not_give_is_named(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path) -> str:
        if path.name == "README.md":
            raise OSError(errno.EIO, "Input/output error")
        return sha256(path)

    monkeypatch.setattr(publish, "sha256", broken)
    assert found(copy) == [f"{copy / 'README.md'} cannot be read: Input/output error."]


def test_every_fault_of_one_look_is_told_at_once(copy: Path) -> None:
    (copy / "README.md").unlink()
    (copy / "llava" / "pretrain.json").write_text("[]\n")
    (copy / "validation" / "instruction" / "mine").touch()
    faults = found(copy)
    for name in ("README.md", "llava/pretrain.json", "validation/instruction/mine"):
        assert [fault for fault in faults if name in fault], name
