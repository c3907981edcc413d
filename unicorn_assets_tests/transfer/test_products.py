"""A row's product, wherever it stands."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.transfer.products import product


@given(start=st.integers(0, 299), length=st.integers(0, 299))
@settings(deadline=None, max_examples=30)
def test_a_rows_product_does_not_depend_on_its_place(start, length):
    rows, matrix = np.random.default_rng(1).normal(size=(300, 40)), np.random.default_rng(2).normal(size=(40, 40))
    whole = product(rows, matrix)
    assert np.allclose(whole, rows @ matrix)
    assert product(rows[start : start + length], matrix).tobytes() == whole[start : start + length].tobytes()
