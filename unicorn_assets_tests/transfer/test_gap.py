"""The gap of a transfer, measured on files: what is left out, and images as their rule has them."""

import numpy as np
import pytest

from unicorn_assets.errors import TransferError
from unicorn_assets.lake.embedding_files import Embeddings
from unicorn_assets.transfer.gap import measure
from unicorn_assets.transfer.mean_shift import MeanShift
from unicorn_assets.transfer.metrics.report import report
from unicorn_assets_tests.lake.test_embedding_files import write
from unicorn_assets_tests.transfer.metrics.test_report import values
from unicorn_assets_tests.transfer.references import METHODS, fitted, images, moments, names, texts


@pytest.fixture
def sides(tmp_path):
    ids = names(400)
    write(tmp_path / "T.arrow", texts(), ids)
    write(tmp_path / "I.parquet", images(), names(300))
    return Embeddings(tmp_path / "T.arrow"), Embeddings(tmp_path / "I.parquet")


def alike(one, other):
    """A mapped file and an array may add up in another order."""
    found, wanted = values(one.figures()), values(other.figures())
    assert found.keys() == wanted.keys()
    for name, number in wanted.items():
        assert found[name] == (number if number is None else pytest.approx(number, rel=1e-4, abs=1e-7)), name


@pytest.mark.parametrize("name", METHODS)
def test_it_is_the_report_of_the_method_by_its_own_rule(sides, name):
    method = fitted(name, texts(), images())
    found = measure(method, *sides)
    carried, rule = method.apply(texts(), 0, names(400)).vectors, method.image_rule()
    used = rule.carry(images()).vectors if rule.own_mean else None
    assert found.lost == 0
    alike(found.report, report(texts(), carried, images(), used=used))
    assert (found.report.used is not None) == (name in ("mean_shift", "c3"))


def test_a_shift_by_each_sides_own_mean_closes_the_centroids_and_not_the_gap(sides):
    found = measure(MeanShift.fit(moments(texts())), *sides).report
    assert found.gap_before.centroid_distance > 0.3
    assert found.gap_after.centroid_distance < 0.1
    assert found.gap_after.frechet < found.gap_before.frechet
    assert found.images.centroid_norm > 5 * found.used.centroid_norm


def test_without_images_there_is_no_gap(sides):
    found = measure(MeanShift.fit(moments(texts())), sides[0]).report
    assert found.images is found.used is found.gap_after is None
    assert found.after.mean_cosine < 0.01 < 0.05 < found.before.mean_cosine


def test_lost_rows_count_on_neither_side(tmp_path):
    rows = texts(50)
    ids = names(50)
    write(tmp_path / "T.arrow", rows, ids)
    found = measure(MeanShift(rows[7].astype(np.float64)), Embeddings(tmp_path / "T.arrow"))
    assert found.lost == 1
    assert found.report.before.rows == found.report.after.rows == 49
    kept = np.delete(rows, 7, axis=0)
    carried = MeanShift(rows[7].astype(np.float64)).apply(kept).vectors
    alike(found.report, report(kept, carried))


def test_where_all_is_lost_there_is_nothing_to_measure(tmp_path):
    write(tmp_path / "T.arrow", np.tile(texts(1), (5, 1)), names(5))
    with pytest.raises(TransferError, match="no embeddings to measure"):
        measure(MeanShift(texts(1)[0].astype(np.float64)), Embeddings(tmp_path / "T.arrow"))


def test_a_wrong_row_is_named_over_all_batches(tmp_path):
    rows = texts(5000)
    rows[4500] *= 2
    write(tmp_path / "T.arrow", rows, names(5000))
    with pytest.raises(TransferError, match="Row 4500 is not of unit norm"):
        measure(MeanShift(np.zeros(24)), Embeddings(tmp_path / "T.arrow"))
