"""Every column of every stage has a meaning, and what is said of columns is what stands in the files."""

import pyarrow.parquet as pq
import pytest

from unicorn_assets.stages import glossary
from unicorn_assets.stages.graph import EVERY, GRAPH
from unicorn_assets_tests.conftest import materialize


def test_every_column_has_a_meaning_and_every_meaning_a_column():
    named = {name for stage in EVERY.values() for name in glossary.columns(stage).names}
    assert named == set(glossary.MEANINGS)
    assert all(text.endswith(".") and len(text) < 130 for text in glossary.MEANINGS.values())


@pytest.mark.timeout(120)
def test_columns_are_those_of_the_files_which_know_nothing_of_meanings(home, recipe):
    outcomes = materialize(home, recipe)
    for (name, shard), outcome in outcomes.items():
        if name == "release":
            continue
        written = pq.read_schema(home.lake.rows(name, shard))
        assert written.metadata is None
        assert all(field.metadata is None for field in written)
        vectors = [glossary.EMBEDDING.name] if "vectors" in outcome.sidecar.files else []
        assert glossary.columns(GRAPH[name]).names == [*written.names, *vectors]
    released = home.releases / "demo" / "latest" / "instruction" / "shard-0000.parquet"
    assert pq.read_schema(released).names == glossary.columns(GRAPH["release"]).names
