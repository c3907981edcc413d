"""Errors cross from one process to another as they are."""

import pickle

import pytest

from unicorn_assets import errors
from unicorn_assets.errors import CheckError, UnicornError

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, UnicornError)]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_survives_pickling(kind):
    more = {"check": "coverage", "figures": {"least": 1}} if kind is CheckError else {}
    error = kind("The file x is cut short.", "make it again.", **more)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)
    assert vars(again) == vars(error)
    assert again.retryable == error.retryable
