"""The methods by name, and what a person may choose about each. Imports nothing: recipe and commands stand on it."""

from collections.abc import Mapping
from typing import Literal, get_args

Name = Literal["none", "mean_shift", "c3", "realign", "aniso", "matched"]
NAMES: tuple[Name, ...] = get_args(Name)

NEED_IMAGES: tuple[Name, ...] = ("realign", "aniso", "matched")
NEED_COVARIANCES: tuple[Name, ...] = ("aniso", "matched")
"""Those that need more texts, and more images, than there are dimensions."""
USE_IMAGES: tuple[Name, ...] = ("c3", *NEED_IMAGES)

READS: Mapping[Name, tuple[str, ...]] = {
    "none": (),
    "mean_shift": ("renormalise",),
    "c3": ("noise_sigma", "noise_cosine", "noise_seed"),
    "realign": (),
    "aniso": (),
    "matched": ("rounds", "kept"),
}
"""The options that a method reads, beside the size of its sample."""
