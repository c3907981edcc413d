"""The experiment: each row once, whatever happens in between; and what a small world already shows."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from unicorn_assets.errors import BusyError
from unicorn_assets.lake.locks import locked
from unicorn_assets.lake.vectors import read_vectors
from unicorn_assets.proof import experiment
from unicorn_assets.proof.experiment import Plan
from unicorn_assets.proof.lessons import LESSONS, said_of
from unicorn_assets.proof.rows import ROWS
from unicorn_assets.proof.sizes import SIZES
from unicorn_assets.proof.world import World
from unicorn_assets.transfer.fitted import FittedTransfer

FEW = ("blind", "matched", "raw_seeds", "instruction_0")


def tiny(folder, rows=FEW, **options):
    return Plan(folder, "tiny", **({"seeds": 1, "readers": 1, "jobs": 1} | options), rows=rows)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A tiny world with every row done."""
    plan = tiny(tmp_path_factory.mktemp("proof"), tuple(ROWS))
    said = []
    return plan, experiment.run(plan, said.append), said


def test_every_row_has_its_lesson():
    assert list(LESSONS) == list(ROWS)


def test_every_row_of_a_tiny_world_gives_a_result(finished):
    _, results, said = finished
    assert [one["row"] for one in results] == list(ROWS)
    for one in results:
        assert all(0 <= value <= 1 for value in one["score"].values())
        assert (one["described"] is not None) == (one["row"] == "instruction_0")
    assert any(line.startswith(f"{len(ROWS)} of {len(ROWS)}") for line in said)


def test_the_gap_of_a_world_is_measured(finished):
    plan, _, _ = finished
    [gap] = experiment.gaps(plan)
    assert 0 < gap["shift_share_far"] < gap["shift_share"] < 1
    assert gap["centroid_distance"] > 0.05


def test_nothing_is_done_twice(finished):
    plan, results, _ = finished
    said = []
    assert experiment.run(plan, said.append) == results
    assert said == []


def test_a_damaged_or_older_result_is_made_again(finished):
    plan, results, _ = finished
    rows = plan.world(0) / "rows"
    older = json.loads((rows / "none-0.json").read_text())
    older["made_by"]["version"] = -1
    (rows / "none-0.json").write_text(json.dumps(older))
    (rows / "blind-0.json").write_text('{"row": "bli')
    said = []
    again = experiment.run(plan, said.append)
    assert [one["score"] for one in again] == [one["score"] for one in results]
    assert sum(" of 2: " in line for line in said) == 2


def test_a_world_of_another_version_is_made_anew(tmp_path):
    plan = tiny(tmp_path, ("blind",))
    experiment.run(plan, lambda text: None)
    towers = plan.world(0) / "towers.safetensors"
    stamp, before = plan.world(0) / "world.json", towers.stat().st_mtime_ns
    experiment.run(tiny(tmp_path, ("blind", "none")), lambda text: None)
    assert towers.stat().st_mtime_ns == before
    stamp.write_text(stamp.read_text().replace('"version": ', '"version": 9'))
    experiment.run(tiny(tmp_path, ("blind", "none", "matched")), lambda text: None)
    assert towers.stat().st_mtime_ns > before
    assert sorted(path.name for path in (plan.world(0) / "rows").iterdir()) == ["matched-0.json"]


def test_two_do_not_work_on_one_world(finished):
    plan, _, _ = finished
    with locked(plan.world(0) / "lock", what="the world", wait_seconds=0), pytest.raises(BusyError, match="seed-0"):
        experiment.run(Plan(plan.folder, "tiny", 1, 2, 1, FEW), lambda text: None)


def test_the_release_is_what_the_method_makes_of_the_texts(finished):
    """The pipeline's release, and the lake's texts carried over here, are the same to float16's rounding."""
    plan, _, _ = finished
    world = World(plan.world(0), 0, SIZES["tiny"], lambda text: None)
    ids, texts = read_vectors(world.texts[0])
    assert ids == world.released.ids
    fitted = FittedTransfer.load(world.home.lake.transfer("modality_alignment", "all"))
    assert fitted.method.name == "matched"
    np.testing.assert_allclose(fitted.method.apply(texts).vectors, world.released.vectors, atol=1e-3)


def test_sets_of_images_are_disjoint(finished):
    plan, _, _ = finished
    world = World(plan.world(0), 0, SIZES["tiny"], lambda text: None)
    sets = [world.tests.images, world.pairs.images, read_vectors(world.reference())[1].astype(np.float32)]
    for number, one in enumerate(sets):
        for other in sets[number + 1 :]:
            # Float16 rounds what is below 0.5 by 2e-4 at most; a tiny world's towers tell images apart by little more.
            assert np.abs(one[:, None] - other[None]).max(axis=2).min() > 2.5e-4


def test_seeds_say_less_than_captions_and_dialogs_of_seeds_ask_for_no_more(finished):
    plan, _, _ = finished
    world = World(plan.world(0), 0, SIZES["tiny"], lambda text: None)
    assert all(len(seed) < len(caption) for seed, caption in zip(world.sparse, world.released.captions, strict=True))
    turns = [("What is in the northwest?", "A red circle."), ("What stands in the southeast?", "Nothing.")]
    assert said_of(turns, "A red circle in the northwest.") == turns[:1]
    assert said_of([("How many shapes are there?", "One.")], "A red circle in the northwest.") == []


def test_a_killed_experiment_goes_on_to_the_same_end(finished, tmp_path):
    _, results, _ = finished
    wanted = [one["score"] for one in results if one["row"] in FEW]
    script = (
        "from pathlib import Path; from unicorn_assets.proof import experiment as e; "
        f"e.run(e.Plan(Path({str(tmp_path)!r}), 'tiny', 1, 1, 1, {FEW!r}), lambda text: print(text, flush=True))"
    )
    kills = 0
    for number in range(12):
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            # Each time it gets one line further than the last time.
            for _, _line in zip(range(number + 1), child.stdout, strict=False):
                pass
            time.sleep(0.05)
            if child.poll() is None:
                os.kill(child.pid, signal.SIGKILL)
                kills += 1
    assert kills >= 3
    found = experiment.run(tiny(tmp_path), lambda text: None)
    assert [one["score"] for one in found] == wanted


@pytest.mark.timeout(1200)
def test_a_small_world_shows_the_order(tmp_path):
    """About order, not about digits: one seed of the small size."""
    rows = ("blind", "none", "matched", "text_on_text", "images")
    found = experiment.run(Plan(tmp_path, "small", 1, 1, 1, rows), lambda text: None)
    right = {one["row"]: one["score"]["places"] for one in found}
    assert max(right["blind"], right["none"]) < right["matched"]
    assert right["none"] < min(right["text_on_text"], right["images"])
