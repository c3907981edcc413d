"""What holds for every method: a float64 reference, chunks that change nothing, files, wrong rows, image rules."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.errors import LakeError, TransferError
from unicorn_assets.transfer.aniso import Blocks
from unicorn_assets.transfer.choices import NEED_COVARIANCES
from unicorn_assets.transfer.fitted import METHODS as CLASSES
from unicorn_assets.transfer.fitted import FittedTransfer
from unicorn_assets.transfer.matched import Matched
from unicorn_assets.transfer.mean_shift import MeanShift
from unicorn_assets.transfer.realign import Anchor
from unicorn_assets.transfer.statistics import Moments
from unicorn_assets_tests.transfer.references import (
    METHODS,
    WIDTH,
    fitted,
    images,
    moments,
    names,
    reference,
    texts,
)

every_method = pytest.mark.parametrize("name", METHODS)


def cosines(left, right):
    left, right = left.astype(np.float64), right.astype(np.float64)
    return (left * right).sum(axis=1) / np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1)


def test_every_method_is_here():
    assert {name.removesuffix("_images") for name in METHODS} == set(CLASSES)
    assert all(CLASSES[name].name == name for name in CLASSES)


@every_method
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_agrees_with_a_plain_float64_reference(name, dtype):
    y, x, ids = texts(dtype=dtype), images(dtype=dtype), names(400)
    vectors, lost = fitted(name, y, x).apply(y, 0, ids)
    assert vectors.dtype == np.float32
    assert not lost.any()
    assert np.abs(cosines(vectors, reference(name, y, x, ids)) - 1).max() < 1e-6
    if name != "none" or dtype == np.float32:
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


@every_method
@given(cuts=st.lists(st.integers(0, 300), max_size=4))
@settings(deadline=None, max_examples=15)
def test_a_rows_bytes_do_not_depend_on_its_chunk(name, cuts):
    y, ids = texts(300, dtype=np.float16), names(300)
    method = fitted(name, texts(), images())
    whole = method.apply(y, 0, ids).vectors
    edges = sorted({0, 300, *cuts})
    parts = [method.apply(y[start:stop], start, ids[start:stop]).vectors for start, stop in pairwise(edges)]
    assert np.concatenate(parts).tobytes() == whole.tobytes()


@every_method
def test_a_saved_method_is_the_same_again(name, tmp_path):
    path = tmp_path / "fit.safetensors"
    saved = FittedTransfer(fitted(name, texts(), images()), 400, {"text": "ab"}, 300)
    saved.save(path)
    loaded = FittedTransfer.load(path)
    assert (loaded.version, loaded.images, loaded.sample) == (saved.version, 300, 400)
    y, ids = texts(50, seed=5), names(50)
    assert loaded.method.apply(y, 0, ids).vectors.tobytes() == saved.method.apply(y, 0, ids).vectors.tobytes()
    assert loaded.method.image_rule().text == saved.method.image_rule().text


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("step", ["realign", "aniso"])
def test_what_the_first_step_makes_is_gathered_without_what_is_lost(step, dtype):
    y, x = texts(600, dtype=dtype), images(600)
    found = Anchor.fit(moments(y), moments(x)) if step == "realign" else Blocks.fit(y, x)
    if step == "realign":  # one text that lands on nothing
        found = replace(found, image_mean=found.scale * (found.mean - y[7].astype(np.float64)))
    made, gathered = found.step(y), Moments(WIDTH)
    found.gather(y[:250], 0, gathered)
    found.gather(y[250:], 250, gathered)
    kept = made[np.linalg.norm(made, axis=1) > 0]
    assert gathered.count == len(kept) == 600 - (step == "realign")
    assert np.abs(gathered.mean() - kept.mean(axis=0)).max() < 1e-12
    assert gathered.trace() == pytest.approx(moments(kept).trace(), abs=1e-12)
    with pytest.raises(TransferError, match="Row 41 is a zero vector"):
        found.gather(np.zeros((1, WIDTH)), 41, gathered)


@every_method
def test_tensors_and_parameters_of_another_method_are_refused(name):
    method = fitted(name, texts(), images())
    for other in METHODS:
        made = fitted(other, texts(), images())
        if made.name != method.name:
            with pytest.raises(TransferError, match="are not those of"):
                type(method).restore(made.parameters, made.tensors)


@every_method
@pytest.mark.parametrize("damage", [np.nan, np.inf])
def test_tensors_that_are_not_finite_or_of_another_shape_are_refused(name, damage):
    method = fitted(name, texts(), images())
    for tensor in method.tensors:
        wrong = method.tensors[tensor].copy()
        wrong.flat[0] = damage
        for other in (wrong, method.tensors[tensor][..., None], method.tensors[tensor].astype(np.float32)):
            with pytest.raises(TransferError, match="are not those of"):
                type(method).restore(method.parameters, {**method.tensors, tensor: other})


@every_method
def test_wrong_rows_are_refused_with_their_number(name):
    method = fitted(name, texts(), images())
    for value, says in ((np.nan, "holds NaN"), (-np.inf, "holds NaN or an infinity"), (2.0, "not of unit norm")):
        bad = texts(5)
        bad[2, 0] = value
        with pytest.raises(TransferError, match=f"Row 12 .*{says}"):
            method.apply(bad, first=10)
    bad = texts(5)
    bad[4] = 0
    with pytest.raises(TransferError, match="Row 4 is a zero vector"):
        method.apply(bad)
    with pytest.raises(TransferError, match="shape"):
        method.apply(texts(5, width=WIDTH + 1))


@every_method
def test_an_empty_chunk_stays_empty_and_the_input_is_left_alone(name):
    method, rows = fitted(name, texts(), images()), texts(9, dtype=np.float64)
    before = rows.copy()
    assert method.apply(rows[:0]).vectors.shape == (0, WIDTH)
    method.apply(rows)
    assert np.array_equal(rows, before)


@every_method
def test_what_to_do_with_real_images(name):
    method, x = fitted(name, texts(), images()), images(40, seed=4)
    rule = method.image_rule()
    carried = rule.carry(x)
    if name in ("mean_shift", "c3"):
        assert "subtract the mean" in rule.text
        assert np.array_equal(carried.vectors, MeanShift.fit(moments(x)).apply(x).vectors)
    else:
        assert "as they are" in rule.text
        assert np.array_equal(carried.vectors, x)
        assert rule.carry(x[:1]).vectors.shape == (1, WIDTH)
    with pytest.raises(TransferError, match="is a zero vector"):
        rule.carry(np.zeros((3, WIDTH)))


@pytest.mark.parametrize(("name", "most"), [("c3_images", 0.25), ("realign", 0.25), ("aniso", 0.25), ("matched", 0.35)])
def test_the_gap_between_the_centroids_closes(name, most):
    """`matched` does not bring all texts to all images: only those that images were found for."""
    y, x = texts(3000), images(3000)
    carried = fitted(name, y, x).apply(y).vectors
    before, after = (float(np.linalg.norm(rows.mean(0) - x.mean(0))) for rows in (y, carried))
    assert before > 0.35
    assert after < most * before


@pytest.mark.parametrize("name", ["aniso", "matched"])
def test_a_covariance_needs_more_rows_than_dimensions(name):
    for y, x, what in ((texts(WIDTH), images(), "24 texts"), (texts(), images(WIDTH), "24 images")):
        with pytest.raises(TransferError, match=rf"{what}; the covariance of 24 dimensions needs 25"):
            fitted(name, y, x)


GOLDEN = {
    "none": [-0.05133, 0.52636, -0.13741, 0.03314],
    "mean_shift": [0.04813, 0.59568, -0.08685, 0.06489],
    "c3": [0.05499, 0.53054, -0.15652, 0.12175],
    "c3_images": [0.01107, 0.37671, -0.32484, 0.23567],
    "realign": [-0.01383, 0.56776, -0.18395, 0.12373],
    "aniso": [-0.01111, 0.56937, -0.17592, 0.13219],
    "matched": [-0.0047, 0.39316, -0.03949, 0.13392],
}


@every_method
def test_golden_values(name):
    y, x = texts(200), images(200)
    vectors = fitted(name, y, x).apply(y, 0, names(200)).vectors
    assert vectors[7, :4].tolist() == pytest.approx(GOLDEN[name], abs=1e-5)


def test_a_damaged_file_of_a_method_with_images_is_refused(tmp_path):
    path = tmp_path / "fit.safetensors"
    FittedTransfer(fitted("realign", texts(), images()), 400, images=300).save(path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(LakeError, match="is damaged"):
        FittedTransfer.load(path)


@pytest.mark.parametrize("fit", [Blocks.fit, Matched.fit])
def test_texts_or_images_that_are_all_alike_are_refused(fit):
    for dtype in (np.float16, np.float32):
        alike = np.repeat(texts(1, dtype=dtype), 100, axis=0)
        with pytest.raises(TransferError, match="All texts have the same embedding"):
            fit(alike, images(dtype=dtype))
        with pytest.raises(TransferError, match="All images have the same embedding"):
            fit(texts(dtype=dtype), alike)


@every_method
def test_which_methods_need_more_rows_than_dimensions_is_known_before_the_fit(name):
    y, x = texts(WIDTH), images(WIDTH)
    if name in NEED_COVARIANCES:
        with pytest.raises(TransferError, match=f"There are {WIDTH} texts; the covariance"):
            fitted(name, y, x)
    else:
        assert not fitted(name, y, x).apply(y, 0, names(WIDTH)).lost.any()
