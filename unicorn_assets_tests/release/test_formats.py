"""WebDataset tar files and the Unicorn authors' layout, read back as their readers do; what a recipe may ask for."""

import io
import json
import pickle
import tarfile
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch

from unicorn_assets import recipe as recipes
from unicorn_assets.errors import LakeError, RecipeError
from unicorn_assets.release import unicorn_authors, webdataset
from unicorn_assets.release.build import Coverage, build
from unicorn_assets.release.splits import named, split_of
from unicorn_assets_tests.release.conftest import EVERYTHING
from unicorn_assets_tests.release.lakes import DIMENSION, SmallLake, recipe, vector

Made = tuple[SmallLake, Path]


def samples(small: SmallLake, table: str, split: str) -> list[str]:
    found = small.released if table == "pretrain" else small.asked
    return [one for shard in small.shards for one in small.of(shard, found) if split_of(one, 0.3) == split]


@pytest.mark.parametrize("table", ["pretrain", "instruction"])
@pytest.mark.parametrize("split", ["train", "validation"])
def test_tars_hold_each_row_and_its_vector_side_by_side(everything: Made, table: str, split: str) -> None:
    small, folder = everything
    found = []
    for path in sorted((folder / named(split, "webdataset") / table).glob("*.tar")):  # type: ignore[arg-type]
        with tarfile.open(path) as tar:
            members = tar.getmembers()
            assert {(one.mtime, one.uid, one.gid, one.uname, one.mode) for one in members} == {(0, 0, 0, "", 0o644)}
            for row, array in zip(members[::2], members[1::2], strict=True):
                content = json.load(tar.extractfile(row))  # type: ignore[arg-type]
                assert (row.name, array.name) == (f"{content['id']}.json", f"{content['id']}.npy")
                stored = np.load(io.BytesIO(tar.extractfile(array).read()), allow_pickle=False)  # type: ignore[union-attr]
                np.testing.assert_array_equal(stored, vector(content["id"]))
                assert stored.dtype == np.float16
                found.append(content)
    assert found == [small.row(table, one) for one in samples(small, table, split)]
    assert found


def test_datasets_reads_the_tars(everything: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small, folder = everything
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    files = str(folder / "webdataset" / "instruction" / "*.tar")
    found = datasets.load_dataset("webdataset", data_files=files, split="train")
    assert [row["json"] for row in found] == [
        small.row("instruction", one) for one in samples(small, "instruction", "train")
    ]
    np.testing.assert_array_equal(np.array(found[0]["npy"], np.float16), vector(found[0]["__key__"]))


def test_a_shard_without_rows_has_no_tar(tmp_path: Path) -> None:
    small = SmallLake(tmp_path / "lake", dialogs=False)
    chosen = recipe(release={"formats": ["webdataset"]})
    build(small.lake, chosen, small.shards, Coverage(2, 2), tmp_path / "draft")
    assert not list((tmp_path / "draft" / "webdataset" / "instruction").iterdir())
    assert len(list((tmp_path / "draft" / "webdataset" / "pretrain").iterdir())) == 2
    assert not (tmp_path / "draft" / "llava").exists()


class Plain(pickle.Unpickler):
    """Knows nothing but what the lists may name."""

    def find_class(self, module: str, name: str) -> object:
        allowed = {("numpy", "frombuffer"): np.frombuffer, ("builtins", "bytearray"): bytearray}
        return allowed[module, name]


def test_pickles_name_nothing_that_an_older_numpy_lacks(everything: Made) -> None:
    small, folder = everything
    (path,) = (folder / "unicorn_authors" / "embeddings").iterdir()
    assert path.name == "caption_embeddings_1.pkl"
    with path.open("rb") as file:
        found = Plain(file).load()
    assert [one["id"] for one in found] == [one for shard in small.shards for one in small.of(shard, small.released)]
    for one in found:
        assert (one["embed"].dtype, one["embed"].shape) == (np.float32, (DIMENSION,))
        np.testing.assert_array_equal(one["embed"], vector(one["id"]).astype(np.float32))


@pytest.mark.parametrize("name", ["Pretrain", "Instruction"])
def test_the_authors_loader_finds_record_and_vector(everything: Made, name: str) -> None:
    """As bunny/util/data_utils.py does it: every .pkl of the folder, ids compared as text, `embed` made a tensor."""
    small, folder = everything
    records = json.loads((folder / "unicorn_authors" / f"{name}.json").read_text(encoding="utf-8"))
    embeddings = []
    for path in (folder / "unicorn_authors" / "embeddings").iterdir():
        with path.open("rb") as file:
            embeddings.extend(pickle.load(file))
    for record in records:
        assert "caption" in record
        matching = [one["embed"] for one in embeddings if str(one.get("id")) == str(record["id"])]
        stacked = torch.stack([torch.from_numpy(one) for one in matching])
        assert stacked.shape == (1, DIMENSION)
        np.testing.assert_array_equal(stacked[0].numpy(), vector(record["id"]).astype(np.float32))
    assert [one["id"] for one in records] == samples(small, name.lower(), "train")


def test_lists_are_cut_at_a_fixed_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unicorn_authors, "ROWS_A_FILE", 3)
    names = [f"{number:020x}" for number in range(7)]
    with unicorn_authors.ListWriter(tmp_path) as writer:
        for start in (0, 2):
            part = names[start : start + 2] if start == 0 else names[2:]
            writer.write(part, np.ones((len(part), 4), np.float16))
    lists = [Plain(io.BytesIO(path.read_bytes())).load() for path in sorted(tmp_path.iterdir())]
    assert [[one["id"] for one in found] for found in lists] == [names[:3], names[3:6], names[6:]]


def test_equal_rows_give_equal_bytes_in_every_format(everything: Made, tmp_path: Path) -> None:
    second = SmallLake(tmp_path / "elsewhere", rows=60, run="another run")
    build(second.lake, recipe(release=EVERYTHING), second.shards, Coverage(2, 2), tmp_path / "draft")
    for path in sorted(everything[1].rglob("*")):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "draft" / path.relative_to(everything[1])).read_bytes(), path.name


@pytest.mark.parametrize("format", ["webdataset", "unicorn_authors"])
def test_a_full_disk_is_named(tmp_path: Path, format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    small = SmallLake(tmp_path / "lake")
    chosen = recipe(release={"formats": [format]})

    def full(*_: object, **__: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "addfile", full)
    monkeypatch.setattr(unicorn_authors._Pickler, "reducer_override", full, raising=False)
    with pytest.raises(LakeError, match="cannot be written: No space left") as error:
        build(small.lake, chosen, small.shards, Coverage(2, 2), tmp_path / "draft")
    assert "the disk is full" in error.value.cure
    assert f"/draft/{format}/" in error.value.what


def test_a_tar_is_written_without_being_remembered(tmp_path: Path) -> None:
    with webdataset.TarWriter(tmp_path / "a.tar") as writer:
        for number in range(50):
            writer.write([{"id": f"{number}"}], np.ones((1, 4), np.float16))
        assert writer._tar is not None
        assert writer._tar.members == []  # type: ignore[attr-defined]
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert len(tar.getmembers()) == 100


def test_an_unfinished_tar_is_closed(tmp_path: Path) -> None:
    def interrupted() -> None:
        with webdataset.TarWriter(tmp_path / "a.tar") as writer:
            writer.write([{"id": "a"}], np.ones((1, 4), np.float16))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert len((tmp_path / "a.tar").read_bytes()) % tarfile.RECORDSIZE  # no whole tar has that size


SMALL = 'name = "small"\n[[seeds.sources]]\nname = "coco"\npath = "coco.jsonl"\n[release]\n'


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('formats = ["tfrecord"]', "release.formats.0: .*'tfrecord'"),
        ('formats = ["llava", "llava"]', "'llava' is named twice"),
        ("validation = 0.6", "release.validation: .*0.6"),
        ("validation = -0.1", "release.validation: .*-0.1"),
        ("validation = nan", "release.validation"),
    ],
)
def test_a_recipe_that_asks_for_what_there_is_not_is_refused(line: str, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        recipes.parse(SMALL + line, where="here.toml", base=Path("/"))


def test_the_order_of_the_formats_is_no_matter() -> None:
    one, two = (
        recipes.parse(f"{SMALL}formats = {names}", where="here.toml", base=Path("/"))
        for names in ('["webdataset", "llava"]', '["llava", "webdataset"]')
    )
    assert one == two
    assert recipes.parse(recipes.dump(one), where="again", base=Path("/")) == one
