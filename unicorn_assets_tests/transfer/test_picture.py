"""The picture of a transfer: its figures by hand, its bytes as PNG, and nothing left behind in the process."""

import subprocess
import sys

import numpy as np
import pytest

from unicorn_assets.transfer.picture import MOST_ROWS, cosines, crossed, draw, project

PYPLOT = """
import sys
import numpy as np
from unicorn_assets.transfer.picture import draw
assert "matplotlib" not in sys.modules
draw({"texts": np.eye(3)})
assert "matplotlib.pyplot" not in sys.modules
"""


def cloud(count, dimension, mean, seed=0):
    rows = np.random.default_rng(seed).standard_normal((count, dimension)) + mean
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def test_components_of_points_on_a_cross():
    rows = np.array([[3.0, 0, 0], [-3, 0, 0], [0, 1, 0], [0, -1, 0]]) + np.array([10, 20, 30])
    plan = project(rows)
    assert plan.centre == pytest.approx([10, 20, 30])
    assert plan.shares == pytest.approx((0.9, 0.1))
    assert plan.place(rows) == pytest.approx(np.array([[3.0, 0], [-3, 0], [0, 1], [0, -1]]))
    assert plan.place(np.array([[10.0, 20, 99]])) == pytest.approx(np.array([[0.0, 0]]))


def test_equal_rows_have_no_variance_to_share():
    assert project(np.ones((4, 3))).shares == (0.0, 0.0)


def test_cosines_of_every_pair():
    found = cosines(np.array([[2.0, 0], [0, 3], [-1, 0], [0, 0]]))
    assert found == pytest.approx([0, -1, 0, 0, 0, 0])


@pytest.mark.parametrize("dimension", [2, 384, 1280])
def test_is_a_small_png_and_the_same_each_time(dimension):
    before = cloud(2 * MOST_ROWS, dimension, 0.5)
    sets = {"before": before, "after": before - before.mean(axis=0)}
    picture = draw(sets)
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 150_000
    assert draw(sets) == picture


def test_cosines_of_two_sets():
    found = crossed(np.array([[2.0, 0], [0, 3]]), np.array([[1.0, 1], [0, -4], [0, 0]]))
    assert found == pytest.approx([np.sqrt(0.5), 0, 0, np.sqrt(0.5), -1, 0])


@pytest.mark.parametrize("dimension", [8, 384])
def test_images_and_spectra_stand_beside_it_in_a_small_png(dimension):
    before, images = cloud(2 * MOST_ROWS, dimension, 0.5), cloud(MOST_ROWS, dimension, -0.3, 1)
    sets = {"before": before, "after": before - before.mean(axis=0) + images.mean(axis=0), "images": images}
    # As a report gives them, with axes that have no variance.
    spectra = {name: [*(np.arange(1.0, dimension + 1) ** -1.3).tolist(), 0.0] for name in sets}
    picture = draw(sets, against="images", spectra=spectra)
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 150_000
    assert draw(sets, against="images", spectra=spectra) == picture
    plain = draw(sets)
    assert len({picture, plain, draw(sets, against="images"), draw(sets, spectra=spectra)}) == 4
    assert size(plain) == size(draw(sets, against="images")) == (990, 414)
    assert size(picture) == (990, 648)


def test_four_sets_are_no_larger_a_file():
    sets = {
        name: cloud(MOST_ROWS, 384, mean, seed) for seed, (name, mean) in enumerate(zip("abcd", range(4), strict=True))
    }
    spectra = {name: (np.arange(1.0, 385) ** -1.3).tolist() for name in sets}
    assert len(draw(sets, against="d", spectra=spectra)) < 130_000


def size(picture):
    return int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big")


def test_a_set_without_variance_has_no_line_and_one_may_have_no_spectrum():
    sets = {"texts": np.tile(np.eye(3)[:1], (4, 1)), "images": np.eye(3)}
    assert draw(sets, spectra={"texts": (0.0, 0.0, 0.0), "images": (0.5, 0.5, 0.0)}).startswith(b"\x89PNG")
    assert draw(sets, spectra={"images": (0.5, 0.5, 0.0)}).startswith(b"\x89PNG")


@pytest.mark.parametrize("more", [{"against": "sounds"}, {"spectra": {"texts": [1.0], "sounds": [1.0]}}])
def test_a_name_that_no_set_has_is_refused(more):
    with pytest.raises(ValueError, match="'sounds' is none of the sets"):
        draw({"texts": np.eye(3)}, **more)


def test_a_set_of_one_row_is_refused():
    with pytest.raises(ValueError, match="'after' has fewer than 2 rows"):
        draw({"before": cloud(5, 8, 0), "after": cloud(1, 8, 0)})


def test_matplotlib_comes_with_the_first_picture_and_pyplot_never():
    subprocess.run([sys.executable, "-c", PYPLOT], check=True)
