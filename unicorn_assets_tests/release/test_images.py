"""Real images at use time, by the transfer in a release or in a file of its own."""

from pathlib import Path

import numpy as np
import pytest

from unicorn_assets.errors import LakeError, TransferError
from unicorn_assets.release.images import FILE, carry_images, fitted_transfer
from unicorn_assets.transfer.fitted import FittedTransfer
from unicorn_assets_tests.release.lakes import DIMENSION, SmallLake
from unicorn_assets_tests.transfer.metrics.clouds import normalised, units
from unicorn_assets_tests.transfer.references import METHODS, WIDTH, fitted, images, texts


def test_a_release_has_its_transfer_with_it(made: tuple[SmallLake, Path]) -> None:
    small, folder = made
    found = fitted_transfer(folder)
    assert found.version == FittedTransfer.load(small.lake.transfer("modality_alignment", "all")).version
    assert fitted_transfer(str(folder / FILE)).version == found.version


def test_a_mean_shift_takes_the_images_own_mean_or_that_of_a_reference(made: tuple[SmallLake, Path]) -> None:
    x, many = units(20, DIMENSION, seed=5), units(300, DIMENSION, seed=6)
    own = carry_images(made[1], x)
    assert np.allclose(own.vectors, normalised(x - x.mean(axis=0)), atol=1e-6)
    assert not own.lost.any()
    one = carry_images(made[1], x[:1], reference=many)
    assert np.allclose(one.vectors, normalised(x[:1] - many.mean(axis=0)), atol=1e-6)
    with pytest.raises(TransferError, match="There are 1 embeddings"):
        carry_images(made[1], x[:1])
    with pytest.raises(TransferError, match="shape"):
        carry_images(made[1], units(5, DIMENSION + 1))


@pytest.mark.parametrize("name", METHODS)
def test_every_method_does_to_images_what_its_rule_says(tmp_path: Path, name: str) -> None:
    x, few = images(300), images(3, seed=9)
    method = fitted(name, texts(), x)
    FittedTransfer(method, 400, images=300).save(tmp_path / "fit.safetensors")
    found = carry_images(tmp_path / "fit.safetensors", few, reference=x).vectors
    wanted = normalised(few - x.astype(np.float64).mean(axis=0)) if name in ("mean_shift", "c3") else few
    assert np.allclose(found, wanted, atol=1e-6)
    assert found.shape == (3, WIDTH)


def test_an_image_that_is_the_mean_itself_is_lost(made: tuple[SmallLake, Path]) -> None:
    x = np.tile(units(1, DIMENSION), (3, 1))
    assert carry_images(made[1], x).lost.tolist() == [True, True, True]


def test_a_folder_without_a_transfer_is_named(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match=rf"There is no fitted transfer {tmp_path}/{FILE}"):
        carry_images(tmp_path, units(3))
