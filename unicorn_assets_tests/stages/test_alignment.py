"""`modality_alignment` by every method from seeds to release, what decides it, and what its checks find."""

import json
from dataclasses import replace

import numpy as np
import pytest

from unicorn_assets import recipe as recipes
from unicorn_assets.errors import TransferError
from unicorn_assets.lake.embedding_files import Embeddings
from unicorn_assets.lake.vectors import read_vectors
from unicorn_assets.release.images import carry_images
from unicorn_assets.stages import alignment
from unicorn_assets.stages.alignment import MODALITY_ALIGNMENT
from unicorn_assets.stages.base import Finished, Made
from unicorn_assets.stages.transfer_checks import ENOUGH_SAMPLES, NEIGHBOURS_SURVIVE, NO_DRIFT, TRANSFER_IMPROVES
from unicorn_assets.transfer.c3 import Noise
from unicorn_assets.transfer.choices import NAMES, NEED_COVARIANCES, NEED_IMAGES, USE_IMAGES
from unicorn_assets.transfer.drift import drift
from unicorn_assets.transfer.fitted import METHODS, FittedTransfer
from unicorn_assets.transfer.fitting import Options, fit
from unicorn_assets.transfer.mean_shift import MeanShift
from unicorn_assets.transfer.metrics.report import report
from unicorn_assets.transfer.metrics.results import GapReport
from unicorn_assets.transfer.statistics import Moments
from unicorn_assets_tests.conftest import data_files, materialize, run
from unicorn_assets_tests.stages.with_images import made, ready, tools_for, with_alignment
from unicorn_assets_tests.transfer.metrics.clouds import normalised, units

OPTIONS = {
    "none": {},
    "mean_shift": {"renormalise": False},
    "c3": {"noise_sigma": 0.05, "noise_seed": 3},
    "realign": {},
    "aniso": {},
    "matched": {"rounds": 2, "kept": 0.5},
}


def test_names_of_the_recipe_are_those_of_the_methods():
    assert set(NAMES) == set(METHODS) == set(OPTIONS)


@pytest.mark.parametrize("method", NAMES)
def test_every_method_from_seeds_to_release(home, recipe, tmp_path, method):
    images = {"images": {"path": str(ready(tmp_path / "I.arrow"))}} if method in USE_IMAGES else {}
    chosen = with_alignment(recipe, method=method, **OPTIONS[method], **images)
    outcomes = materialize(home, chosen)
    fitted = FittedTransfer.load(home.lake.transfer("modality_alignment", "all"))
    texts = Embeddings(home.lake.vectors("modality_alignment", "all"))
    side = Embeddings(home.lake.vectors("image_reference", "all")) if images else None
    given = {name: value for name, value in OPTIONS[method].items() if "noise" not in name}
    wanted = fit(method, texts, side, Options(noise=Noise(sigma=0.05, seed=3), sample=60, **given), lambda *told: None)
    assert replace(wanted, fingerprints=fitted.fingerprints).version == fitted.version
    for shard in ("shard-0000", "shard-0001", "shard-0002"):
        ids, before = read_vectors(home.lake.vectors("text_embeddings", shard))
        found, after = read_vectors(home.lake.vectors("synthetic_image_embeddings", shard))
        carried = fitted.method.apply(before, 0, ids)
        assert not carried.lost.any()
        assert found == ids
        assert after.tobytes() == carried.vectors.astype(np.float16).tobytes()
        sidecar = outcomes["synthetic_image_embeddings", shard].sidecar
        assert ("drift" in sidecar.metrics) == (method != "none")
        assert not [check.name for check in sidecar.checks if not check.passed]
    folder = home.releases / "demo" / "latest"
    told, manifest = (folder / "README.md").read_text(), json.loads((folder / "manifest.json").read_text())
    assert f"`{method}`" in told
    assert str(tmp_path) not in told + json.dumps(manifest)
    assert fitted.method.image_rule().text in told
    assert manifest["made_by"]["transfer"]["version"] == fitted.version
    assert ("image_reference" in manifest["stages"]) == bool(images)
    x = Embeddings(tmp_path / "I.arrow") if images else texts
    rows = np.concatenate([batch.vectors for batch in x])
    assert np.array_equal(carry_images(folder, rows).vectors, fitted.method.image_rule().carry(rows).vectors)


def test_dagster_runs_it_with_images_and_gives_the_same_bytes(home, recipe, tmp_path, capsys):
    chosen = with_alignment(recipe, method="realign", images={"path": str(ready(tmp_path / "I.parquet"))})
    assert run(home, chosen) == 0
    captured = capsys.readouterr()
    assert "image_reference" in captured.err
    other = type(home)(tmp_path / "other")
    materialize(other, chosen)
    assert data_files(home) == data_files(other)


def fields(home, chosen):
    return MODALITY_ALIGNMENT.fields(tools_for(home, chosen))


@pytest.mark.parametrize(("name", "wanted"), [("demo", 96), ("full", 10_000)])
def test_default_recipes_keep_what_decides_their_transfer(home, name, wanted):
    found = fields(home, recipes.load(name))
    assert found["alignment"] == {"method": "mean_shift", "renormalise": True, "sample": wanted}
    assert set(found) == {"alignment", "expansion", "curation", "rules", "encoder"}


def test_a_method_is_decided_by_what_it_reads(home, recipe, tmp_path):
    images = {"path": str(ready(tmp_path / "I.arrow"))}
    seen = {}
    for method in NAMES:
        more = {"images": images} if method in NEED_IMAGES else {}
        seen[method] = fields(home, with_alignment(recipe, method=method, **more))["alignment"]
    assert seen["none"] == {"method": "none", "sample": 60}
    assert seen["realign"] == {"method": "realign", "sample": 60}
    assert seen["matched"] == {"method": "matched", "sample": 60, "rounds": 10, "kept": 0.6}
    noise = {"noise_sigma": None, "noise_cosine": 0.9, "noise_seed": 0}
    assert seen["c3"] == {"method": "c3", "sample": 60} | noise
    assert fields(home, with_alignment(recipe, method="c3", noise_cosine=0.9))["alignment"] == seen["c3"]
    given = fields(home, with_alignment(recipe, method="c3", noise_sigma=0.1))["alignment"]
    assert (given["noise_sigma"], given["noise_cosine"]) == (0.1, None)


@pytest.mark.parametrize("method", NEED_COVARIANCES)
@pytest.mark.parametrize(("sample", "draw", "told"), [(20, None, "20 texts"), (40, 32, "32 images")])
def test_too_few_for_a_covariance_is_said_with_the_cure_before_anything_is_asked(
    home, recipe, tmp_path, method, sample, draw, told
):
    images = {"path": str(ready(tmp_path / "I.arrow")), "draw": draw}
    chosen = with_alignment(recipe, method=method, sample=sample, images=images)
    with pytest.raises(TransferError, match=f"{told}; the covariance of 32 dimensions needs 33") as caught:
        made(tools_for(home, chosen), "seed_sources", "image_reference", "modality_alignment")
    assert "larger sample" in caught.value.cure
    assert not (home.path / "answers").exists()


def test_a_single_seed_is_not_asked_for_in_vain(home, recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(alignment, "_sample", lambda work: {"shard-0000": [("id", "A dog.")]})
    with pytest.raises(TransferError, match="1 seeds to calibrate with; a fit needs 2"):
        made(tools_for(home, recipe), "seed_sources", "modality_alignment")
    assert not (home.path / "answers").exists()


def test_images_beside_a_method_without_them_measure_it(home, recipe, tmp_path):
    shown = {"path": str(ready(tmp_path / "I.arrow"))}
    plain = made(tools_for(home, with_alignment(recipe)), "seed_sources", "modality_alignment")
    vectors = FittedTransfer.load(home.lake.transfer("modality_alignment", "all")).method.tensors["mean"]
    chosen = with_alignment(recipe, images=shown)
    measured = made(tools_for(home, chosen), "seed_sources", "image_reference", "modality_alignment")
    again = FittedTransfer.load(home.lake.transfer("modality_alignment", "all"))
    assert np.array_equal(again.method.tensors["mean"], vectors)
    assert again.images is None
    assert plain.metrics["gap"]["images"] is None
    found = GapReport.restore(measured.metrics["gap"])
    assert found.images.rows == found.used.rows == 90
    assert measured.metrics["fitted_on"] == {"captions": 60}
    assert measured.metrics["fit"] == {"renormalise": True}


def checked(spec, **metrics):
    return spec.look(Finished(None, None, None, Made(0, 0, metrics=metrics)))


def gap(before, after, images=None, **more):
    return json.loads(json.dumps(report(before, after, images, **more).figures(axes=None)))


TEXTS, IMAGES = units(200, seed=1), units(200, seed=2, mean=-1)
SHIFTED = normalised(TEXTS - TEXTS.mean(axis=0))
NEARER = normalised(TEXTS - TEXTS.mean(axis=0) + IMAGES.mean(axis=0))


@pytest.mark.parametrize(
    ("after", "images", "passed"),
    [
        (SHIFTED, None, True),
        (TEXTS, None, False),
        (normalised(TEXTS + 1), None, False),
        (NEARER, IMAGES, True),
        (TEXTS, IMAGES, False),
        (normalised(2 * TEXTS - NEARER), IMAGES, False),
    ],
)
def test_whether_the_transfer_improves_what_it_says(after, images, passed):
    found = checked(TRANSFER_IMPROVES, method="mean_shift", gap=gap(TEXTS, after, images))
    assert found.passed == passed
    names = ("frechet", "centroid_distance", "mixing_rate") if images is not None else ("mean_cosine",)
    assert set(found.figures) == {f"{name}_{when}" for name in names for when in ("before", "after")}


def test_a_shift_that_pulls_the_texts_together_mixes_nothing():
    collapsed = normalised(IMAGES.mean(axis=0) + 0.01 * TEXTS)
    found = checked(TRANSFER_IMPROVES, method="realign", gap=gap(TEXTS, collapsed, IMAGES))
    assert found.figures["centroid_distance_after"] < found.figures["centroid_distance_before"]
    assert not found.passed


def test_no_transfer_promises_nothing():
    found = checked(TRANSFER_IMPROVES, method="none", gap=gap(TEXTS, TEXTS, IMAGES))
    assert (found.passed, found.figures) == (True, {"promised": "nothing"})


def test_whether_neighbours_survive():
    assert checked(NEIGHBOURS_SURVIVE, gap=gap(TEXTS, SHIFTED)).passed
    found = checked(NEIGHBOURS_SURVIVE, gap=gap(TEXTS, units(200, seed=3)))
    assert not found.passed
    assert found.figures["omega"] < 0.2 < found.figures["least"] == 0.5


@pytest.mark.parametrize(
    ("method", "counts", "passed"),
    [
        ("mean_shift", {"captions": 9_999}, False),
        ("mean_shift", {"captions": 10_000}, True),
        ("realign", {"captions": 10_000, "images": 9_999}, False),
        ("realign", {"captions": 9_999, "images": 10_000}, False),
        ("realign", {"captions": 10_000, "images": 10_000}, True),
        ("none", {"captions": 0}, True),
    ],
)
def test_a_side_below_ten_thousand_warns(method, counts, passed):
    found = checked(ENOUGH_SAMPLES, method=method, fitted_on=counts)
    assert found.passed == passed
    assert found.figures == {"samples": counts["captions"], "settled_at": 10_000} | (
        {"images": counts["images"]} if "images" in counts else {}
    )
    assert (ENOUGH_SAMPLES.blocking, ENOUGH_SAMPLES.severity) == (False, "WARN")


@pytest.mark.parametrize("method", [name for name in NAMES if name != "none"])
def test_texts_of_another_kind_have_drifted_from_every_fit(home, recipe, tmp_path, method):
    images = {"images": {"path": str(ready(tmp_path / "I.arrow"))}} if method in USE_IMAGES else {}
    made(
        tools_for(home, with_alignment(recipe, method=method, **images)),
        *("seed_sources", *(("image_reference",) if images else ()), "modality_alignment"),
    )
    fitted = FittedTransfer.load(home.lake.transfer("modality_alignment", "all"))
    _, alike = read_vectors(home.lake.vectors("modality_alignment", "all"))
    other = normalised(alike.astype(np.float64) - 2 * alike.mean(axis=0))
    for rows, passed in ((alike, True), (other, False)):
        seen = Moments(32)
        seen.add(rows)
        assert checked(NO_DRIFT, drift=drift(fitted, seen).figures()).passed == passed


def test_a_shard_of_two_texts_out_of_the_same_has_not_drifted():
    rows, whole = units(2_000, seed=1, width=200, power=0), Moments(200)
    whole.add(rows)
    fitted, passed = FittedTransfer(MeanShift.fit(whole), whole.count), 0
    for start in range(0, 400, 2):
        seen = Moments(200)
        seen.add(rows[start : start + 2])
        passed += checked(NO_DRIFT, drift=drift(fitted, seen).figures()).passed
    assert passed >= 198


def test_without_a_mean_there_is_nothing_to_drift_from():
    assert checked(NO_DRIFT).passed
