"""Reads a release as trainers do, and runs every line of Python in its card."""

import re
from pathlib import Path
from typing import Any, get_args

import datasets
import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from unicorn_assets.recipe import ReleaseFormat
from unicorn_assets.release import usage
from unicorn_assets_tests.release.lakes import DIMENSION, SmallLake, vector

Made = tuple[SmallLake, Path]


@pytest.fixture(autouse=True)
def _offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


def expected(small: SmallLake, table: str) -> dict[str, dict[str, Any]]:
    samples = small.released if table == "pretrain" else small.asked
    return {sample: small.row(table, sample) for sample in samples}


def check(rows: list[dict[str, Any]], small: SmallLake, table: str) -> None:
    found = {row["id"]: dict(row) for row in rows}
    for sample, row in found.items():
        np.testing.assert_array_equal(np.array(row.pop("image_embedding"), np.float16), vector(sample))
    assert found == expected(small, table)
    assert len(found) == len(rows)


@pytest.mark.parametrize("table", usage.CONFIGS)
def test_datasets_reads_the_parquet_files(made: Made, table: str) -> None:
    small, folder = made
    found = datasets.load_dataset("parquet", data_files=str(folder / table / "*.parquet"), split="train")
    assert found.features["image_embedding"] == datasets.List(datasets.Value("float16"), length=DIMENSION)
    check(list(found), small, table)


@pytest.mark.parametrize("table", usage.CONFIGS)
def test_datasets_reads_the_folder_by_the_front_matter_of_its_card(made: Made, table: str) -> None:
    small, folder = made
    check(list(datasets.load_dataset(str(folder), table, split="train")), small, table)


@pytest.mark.parametrize("table", usage.CONFIGS)
def test_datasets_finds_both_sides_of_the_split(everything: Made, table: str) -> None:
    small, folder = everything
    found = datasets.load_dataset(str(folder), table)
    assert sorted(found) == ["train", "validation"]
    check([row for split in found for row in found[split]], small, table)


def test_datasets_takes_pretrain_by_default(made: Made) -> None:
    found = datasets.load_dataset(str(made[1]), split="train")
    assert set(found["id"]) == set(made[0].released)


def test_datasets_reads_the_llava_files(made: Made) -> None:
    small, folder = made
    found = datasets.load_dataset("json", data_files=str(folder / "llava" / "instruction.json"), split="train")
    assert set(found["id"]) == set(small.asked)


@pytest.mark.parametrize("table", usage.CONFIGS)
def test_polars_reads_the_parquet_files(made: Made, table: str) -> None:
    small, folder = made
    found = pl.read_parquet(folder / table / "*.parquet")
    assert found.schema["image_embedding"] == pl.Array(pl.Float16, DIMENSION)
    check(found.to_dicts(), small, table)


def test_polars_reads_the_vectors(made: Made) -> None:
    small, folder = made
    found = pl.concat([pl.read_ipc(path) for path in sorted((folder / "embeddings").glob("*.arrow"))])
    assert set(found["id"]) == set(small.released)


@pytest.mark.parametrize("table", usage.CONFIGS)
def test_duckdb_reads_the_parquet_files(made: Made, table: str) -> None:
    small, folder = made
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT * FROM '{folder / table}/*.parquet'")
        names = [column[0] for column in found.description]
        check([dict(zip(names, row, strict=True)) for row in found.fetchall()], small, table)


def test_the_vectors_are_mapped_without_a_copy(made: Made) -> None:
    before = pa.total_allocated_bytes()
    tables = [
        pa.ipc.open_file(pa.memory_map(str(path))).read_all() for path in (made[1] / "embeddings").glob("*.arrow")
    ]
    assert pa.total_allocated_bytes() == before
    assert sum(table.num_rows for table in tables) == len(made[0].released)


def snippets() -> dict[str, str]:
    text = usage.loading(get_args(ReleaseFormat))
    return dict(re.findall(r"^([^\n]+):\n\n```python\n(.*?)```", text, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("title", snippets())
def test_the_python_in_the_card_runs(
    everything: Made, title: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(everything[1])
    code = snippets()[title]
    assert code in Path("README.md").read_text(encoding="utf-8")
    assert len([line for line in code.splitlines() if line]) <= 5
    exec(compile(code, title, "exec"), {})
    assert capsys.readouterr().out


def test_there_is_python_for_every_format() -> None:
    assert len(snippets()) == usage.loading(get_args(ReleaseFormat)).count("```python") == 8


def test_the_card_shows_only_what_the_release_carries(made: Made) -> None:
    card = (made[1] / "README.md").read_text(encoding="utf-8")
    shown = [title for title, code in snippets().items() if code in card]
    assert len(shown) == card.count("```python") == 6
    assert "webdataset/" not in card
    assert "pickle" not in card
