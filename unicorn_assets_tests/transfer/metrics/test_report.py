"""The report: the same figures as the functions give, exact where it says so, and every figure explained."""

import json
from dataclasses import fields

import numpy as np
import pytest

from unicorn_assets.errors import TransferError
from unicorn_assets.transfer.metrics import cosines, distance, neighbours, spectrum, words
from unicorn_assets.transfer.metrics.pairs import PairFigures
from unicorn_assets.transfer.metrics.report import LEAST_POOL, report
from unicorn_assets.transfer.metrics.results import Between, GapReport, Preservation, SetFigures
from unicorn_assets_tests.transfer.metrics.clouds import normalised, rotation, shape_of, units

TEXTS, IMAGES = units(150, seed=1), units(120, seed=2, mean=-1)
SHIFTED = normalised(TEXTS - TEXTS.mean(axis=0) + IMAGES.mean(axis=0))


def values(one):
    """Every number in a report's JSON, by its path."""
    if isinstance(one, dict):
        return {f"{name}/{inner}": number for name, part in one.items() for inner, number in values(part).items()}
    if isinstance(one, list):
        return values(dict(enumerate(one)))
    return {"": one}


def test_small_data_gives_what_the_functions_give():
    found = report(TEXTS, SHIFTED, IMAGES)
    shapes = shape_of(TEXTS), shape_of(IMAGES)
    assert (found.dimension, found.k) == (8, 20)
    assert (found.before.rows, found.after.rows, found.images.rows) == (150, 150, 120)
    assert found.before.exponent == pytest.approx(spectrum.exponent(shapes[0].values))
    assert found.images.mean_cosine == pytest.approx(shapes[1].mean_cosine)
    assert found.preservation.phi.value == pytest.approx((TEXTS * SHIFTED).sum(axis=1).mean())
    assert found.preservation.psi.value == pytest.approx(cosines.correlation(TEXTS, SHIFTED).value)
    assert found.preservation.omega.value == pytest.approx(neighbours.overlap(TEXTS, SHIFTED).value)
    assert found.gap_before.centroid_distance == pytest.approx(distance.centroid_distance(*shapes))
    assert found.gap_before.frechet == pytest.approx(distance.frechet(*shapes).distance)
    assert found.gap_before.cosine_divergence.value == pytest.approx(cosines.divergence(TEXTS, IMAGES).value)
    assert found.gap_before.pairs is None


def test_only_figures_that_left_rows_out_have_an_error():
    exact = report(TEXTS, SHIFTED, IMAGES[:120])
    assert exact.preservation.psi.error == exact.preservation.omega.error == 0
    assert exact.gap_after.cosine_divergence.error == 0
    # Neighbours are sought among as many texts as images.
    assert exact.gap_after.mixing_rows == 120
    assert exact.gap_after.mixing_rate.error > 0
    assert report(TEXTS, SHIFTED, units(150, seed=3)).gap_after.mixing_rate.error == 0
    sampled = report(TEXTS, SHIFTED, IMAGES, pool=LEAST_POOL)
    assert sampled.preservation.phi.error == 0
    assert min(sampled.preservation.psi.error, sampled.gap_after.cosine_divergence.error) > 0


def test_a_shift_closes_the_distance_of_centroids_and_little_else():
    stretched = IMAGES @ np.diag([1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1]) @ rotation(8, 3)
    images = normalised(stretched + 0.5)
    found = report(TEXTS, TEXTS - TEXTS.mean(axis=0) + images.mean(axis=0), images)
    assert found.gap_after.centroid_distance == pytest.approx(0, abs=1e-12)
    assert found.gap_before.centroid_distance > 0.3
    assert found.gap_after.covariance_difference == pytest.approx(found.gap_before.covariance_difference)
    assert found.gap_after.mixing_rate.value < 0.4
    assert "near zero for every shift" in found.explain().lower()


def test_a_rotation_of_the_texts_keeps_them_wholly():
    found = report(TEXTS, TEXTS @ rotation(8)).preservation
    assert (found.psi.value, found.omega.value) == pytest.approx((1, 1))
    assert found.phi.value < 1


def test_no_transfer_changes_nothing():
    found = report(TEXTS, TEXTS, TEXTS, paired=True)
    assert found.preservation.phi.value == pytest.approx(1)
    assert found.preservation.omega.value == 1
    assert found.before == found.after == found.images
    assert found.gap_before.frechet == pytest.approx(0, abs=1e-13)
    assert found.gap_before.cosine_divergence.value == 0
    assert found.gap_before.pairs.paired_distance == 0


@pytest.mark.parametrize("pool", [LEAST_POOL, 2000])
def test_chunks_change_nothing(pool):
    texts, images = TEXTS.astype(np.float16), IMAGES.astype(np.float16)
    whole = report(texts, SHIFTED, images, pool=pool)
    cut = report(
        (texts[start : start + 7] for start in range(0, 150, 7)),
        [SHIFTED[:0], SHIFTED[:100], SHIFTED[100:]],
        iter([images[:50], images[50:]]),
        pool=pool,
    )
    one, other = values(whole.figures()), values(cut.figures())
    assert one.keys() == other.keys()
    for name, number in one.items():
        assert other[name] == (number if number is None else pytest.approx(number, rel=1e-4, abs=1e-9)), name
    assert report(texts, SHIFTED, images, pool=pool) == whole


def test_pairs_may_come_in_chunks_of_their_own():
    images = normalised(SHIFTED + 0.1 * units(150, seed=9))
    whole = report(TEXTS, SHIFTED, images, paired=True)
    cut = report(TEXTS, [SHIFTED[:20], SHIFTED[20:]], [images[:90], images[90:]], paired=True)
    for gap, other in ((whole.gap_before, cut.gap_before), (whole.gap_after, cut.gap_after)):
        for name in gap.pairs.__slots__:
            assert getattr(other.pairs, name) == pytest.approx(getattr(gap.pairs, name))
    assert whole.gap_after.pairs.paired_cosine == pytest.approx((SHIFTED * images).sum(axis=1).mean())
    assert whole.gap_after.pairs.relative_gap < whole.gap_before.pairs.relative_gap


@pytest.mark.parametrize("figure", ["psi", "omega"])
def test_a_sampled_figure_is_within_its_error(figure):
    texts = units(1500, seed=4)
    after = normalised(texts + 0.2 * np.random.default_rng(8).normal(size=texts.shape))
    sampled = getattr(report(texts, after, pool=300, k=10).preservation, figure)
    # What a pool of 300 gives on average: over blocks of 300 rows.
    parts = [(texts[start : start + 300], after[start : start + 300]) for start in range(0, 1500, 300)]
    wanted = [getattr(report(*part, k=10).preservation, figure).value for part in parts]
    assert abs(sampled.value - np.mean(wanted)) < 3 * sampled.error
    assert 0 < sampled.error < 0.05


@pytest.mark.parametrize("paired", [False, True])
def test_every_figure_is_json_and_explained(paired):
    images = units(150, seed=3)
    found = report(TEXTS, SHIFTED, images, paired=paired)
    kept = json.loads(json.dumps(found.figures(), allow_nan=False))
    assert set(kept) == {one.name for one in fields(GapReport)}
    assert kept["gap_after"]["mixing_rate"].keys() == {"value", "error"}
    text = found.explain()
    kinds = (SetFigures, Preservation, Between, *([PairFigures] if paired else []))
    for name in {one.name for kind in kinds for one in fields(kind)} - {"spectrum", "pairs"}:
        assert f"**{name.replace('_', ' ')}**" in text
        assert words.MEANINGS[name] in text
    assert words.NO_IMAGES not in text


def test_without_images_it_says_what_is_not_known():
    found = report(TEXTS, SHIFTED)
    assert found.images is found.gap_before is found.gap_after is None
    assert words.NO_IMAGES in found.explain()
    assert list(found.spectra()) == ["before", "after"]
    assert len(found.spectra()["after"]) == 8


def test_images_as_they_are_used_are_what_the_carried_texts_are_measured_against():
    centred, used = normalised(TEXTS - TEXTS.mean(axis=0)), normalised(IMAGES - IMAGES.mean(axis=0))
    found = report(TEXTS, centred, IMAGES, used=used)
    plain, other = report(TEXTS, centred, IMAGES), report(TEXTS, centred, used)
    assert found.gap_before == plain.gap_before
    assert found.gap_after == other.gap_after
    assert (found.images, found.used, plain.used) == (plain.images, other.images, None)
    assert list(found.spectra()) == ["before", "after", "images", "used"]
    assert "the images → these as they are to be used" in found.explain()
    paired = report(TEXTS[:120], centred[:120], IMAGES, used=used, paired=True)
    assert paired.gap_after.pairs == report(TEXTS[:120], centred[:120], used, paired=True).gap_after.pairs
    assert paired.gap_before.pairs == report(TEXTS[:120], centred[:120], IMAGES, paired=True).gap_before.pairs


@pytest.mark.parametrize("more", [{}, {"images": IMAGES}, {"images": IMAGES, "used": SHIFTED}])
def test_a_report_comes_back_from_its_figures(more):
    found = report(TEXTS, SHIFTED, pool=LEAST_POOL, **more)
    again = GapReport.restore(json.loads(json.dumps(found.figures(axes=None))))
    assert again.figures() == found.figures()
    assert GapReport.restore(again.figures(axes=None)) == again
    assert again.explain().count("**") == found.explain().count("**") > 20
    assert [len(one) for one in again.spectra().values()] == [8] * len(again.spectra())
    with pytest.raises(ValueError, match="preservation"):
        GapReport.restore({name: value for name, value in found.figures().items() if name != "preservation"})


def test_the_main_figures_are_those_before_and_after():
    found = report(TEXTS, SHIFTED, IMAGES)
    main = found.main()
    assert main["omega"] == (None, found.preservation.omega)
    assert main["frechet"] == (found.gap_before.frechet, found.gap_after.frechet)
    assert set(report(TEXTS, SHIFTED).main()) == set(main) - {
        "frechet", "mixing_rate", "cosine_divergence", "centroid_distance"
    }  # fmt: skip
    assert set(main) <= set(words.MEANINGS)


def test_what_is_rounding_is_shown_as_nothing():
    rows = units(50) - units(50).mean(axis=0)
    assert report(units(50), rows + 1e-13).figures()["after"]["centroid_norm"] == 0


def test_wide_spectra_are_shown_in_part():
    found = report(units(40, width=30), units(40, width=30), units(20, width=30))
    assert len(found.figures()["after"]["spectrum"]) == 10
    assert list(found.spectra()) == ["before", "after", "images"]
    assert found.gap_before.shrinkage[0] == 0
    assert 0 < found.gap_before.shrinkage[1] <= 1


def test_two_rows_are_enough():
    rows = np.array([[1.0, 0], [0.6, 0.8]])
    found = report(rows, rows, rows)
    assert found.k == 1
    assert found.preservation.psi is None
    assert found.gap_after.mixing_texts is None
    json.dumps(found.figures(), allow_nan=False)
    found.explain()


@pytest.mark.parametrize("where", [0, 1, 2])
@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_wrong_number_is_named_by_its_row(where, wrong):
    sets = [TEXTS.copy(), SHIFTED.copy(), IMAGES.copy()]
    sets[where][17, 3] = wrong
    with pytest.raises(TransferError, match="Row 17 holds NaN or an infinity"):
        report(*sets)


def test_rows_that_do_not_fit_are_refused():
    with pytest.raises(TransferError, match="Row 0 is not of unit norm"):
        report(2 * TEXTS, SHIFTED)
    lost = SHIFTED.copy()
    lost[4] = 0
    with pytest.raises(TransferError, match="Row 4 is a zero vector"):
        report(TEXTS, lost)
    with pytest.raises(TransferError, match="ends after 149 rows, another goes on"):
        report(TEXTS, SHIFTED[:149])
    with pytest.raises(TransferError, match="ends after 120 rows, another goes on"):
        report(TEXTS, SHIFTED, IMAGES, paired=True)
    with pytest.raises(TransferError, match=r"instead of \(rows, 8\)"):
        report(TEXTS, SHIFTED, units(9, width=9))
    with pytest.raises(TransferError, match=r"instead of \(rows, 8\)"):
        report(TEXTS, units(150, width=7))
    with pytest.raises(TransferError, match="There are 1 embeddings"):
        report(TEXTS[:1], SHIFTED[:1])
    with pytest.raises(TransferError, match="There are 0 embeddings"):
        report(TEXTS, SHIFTED, IMAGES[:0])
    with pytest.raises(TransferError, match="There are no embeddings"):
        report([], iter([]))


@pytest.mark.parametrize("wrong", [{"pool": LEAST_POOL - 1}, {"k": 0}, {"paired": True}, {"used": IMAGES}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="are the least"):
        report(TEXTS, SHIFTED, **wrong)
