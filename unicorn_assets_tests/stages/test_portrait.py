"""What a shard looks like, of real shards and of one that is empty."""

import time

import pytest

from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.shards import ShardWriter, read_rows
from unicorn_assets.stages import portrait as module
from unicorn_assets.stages.captions import CURATED_CAPTIONS
from unicorn_assets.stages.graph import GRAPH
from unicorn_assets.stages.portrait import LOOKED_AT, LOOKS, SAMPLE_ROWS, portrait
from unicorn_assets.text import words
from unicorn_assets_tests.conftest import materialize


def write(home, sidecar, count):
    """Puts so many captions in the place of a shard's rows."""
    with Drafts(home.lake, sidecar.stage, sidecar.shard) as drafts:
        out = ShardWriter(drafts, CURATED_CAPTIONS.columns, sidecar.fingerprint)
        for number in range(count):
            caption = " ".join(f"word{number * step % 997}" for step in range(100))
            parts = dict.fromkeys(("seed_words", "length_fit", "variety", "specificity", "quality"), 1.0)
            out.row(id=f"{number:020x}", seed="A kite.", caption=caption, words=100, repetition=0.0, **parts)
        out.finish()
        drafts.publish(sidecar)


def test_looks_are_of_stages_and_of_their_columns():
    assert set(LOOKS) < set(GRAPH)


def test_portraits_of_all_stages(home, recipe):
    outcomes = materialize(home, recipe)
    for (name, shard), outcome in outcomes.items():
        found = portrait(home.lake, outcome.sidecar)
        if name == "release":
            assert found == module.Portrait([])
            continue
        if name == "selection":  # its rows are the decisions
            assert len(found.rows) == min(SAMPLE_ROWS, sum(outcome.sidecar.not_selected.values()))
            continue
        assert len(found.rows) == min(SAMPLE_ROWS, outcome.sidecar.rows_out)
        assert (found.vectors is not None) == ("vectors" in outcome.sidecar.files)
        assert (found.lengths is not None) == (name in LOOKS)
        if found.lengths is not None:
            assert found.lengths.rows == sum(one.values for one in found.lengths.bins) == outcome.sidecar.rows_out
        assert (found.diversity is not None) == (name in LOOKS and LOOKS[name].texts is not None), shard


def test_captions_are_measured_as_they_stand(home, recipe):
    sidecar = materialize(home, recipe)["curated_captions", "shard-0000"].sidecar
    captions = [row["caption"] for row in read_rows(home.lake.rows("curated_captions", "shard-0000"))]
    found = portrait(home.lake, sidecar)
    assert found.lengths.mean == pytest.approx(sum(len(words(one)) for one in captions) / len(captions))
    assert found.lengths.unit == "words a caption"
    assert found.diversity.texts == len(captions)
    assert found.texts == "captions"


def test_an_empty_shard_has_an_empty_portrait(home, recipe):
    sidecar = materialize(home, recipe)["curated_captions", "shard-0000"].sidecar
    write(home, sidecar, 0)
    assert portrait(home.lake, sidecar) == module.Portrait([])


def test_a_large_shard_costs_no_more_than_its_first_rows(home, recipe):
    sidecar = materialize(home, recipe)["curated_captions", "shard-0000"].sidecar
    write(home, sidecar, 3 * LOOKED_AT)
    started = time.process_time()
    found = portrait(home.lake, sidecar)
    assert time.process_time() - started < 0.3
    assert found.lengths.rows == found.diversity.texts == LOOKED_AT
