import random

import numpy as np
import pytest

from unicorn_assets.curation.duplicates.dialogs import Repeated, repeated
from unicorn_assets_tests.curation.duplicates.test_choice import near


def found(dialogs, *pairs, most=0.5, totals=None):
    """Those that leave; each dialog is a list of nodes."""
    starts = np.cumsum([0, *map(len, dialogs)])
    nodes = np.array([node for dialog in dialogs for node in dialog], np.int64)
    totals = np.array(totals or [len(dialog) for dialog in dialogs], np.int64)
    return repeated(starts, totals, nodes, near(pairs), most)


def brute(dialogs, pairs, most):
    linked = {(a, b) for a, b in pairs} | {(b, a) for a, b in pairs}
    kept, out = [], []
    for number, dialog in enumerate(dialogs):
        elsewhere = [
            any(node == other or (node, other) in linked for one in kept for other in dialogs[one]) for node in dialog
        ]
        if sum(elsewhere) > most * len(dialog):
            out.append((number, sum(elsewhere)))
        else:
            kept.append(number)
    return out


def test_a_dialog_leaves_for_what_others_ask():
    assert found([[5, 7], [5, 7], [5, 9]]) == [Repeated(1, 2, 0)]
    assert found([[5, 7], [6, 9]], (5, 6), most=0.4) == [Repeated(1, 1, 0)]
    assert found([[5, 7], [6, 9]], (5, 6), most=0.4, totals=[2, 3]) == []


def test_what_only_a_dialog_asks_that_leaves_is_not_asked():
    assert found([[1, 2], [1, 2, 3], [3]], most=0.5) == [Repeated(1, 2, 0)]


def test_what_a_dialog_asks_twice_is_not_asked_elsewhere():
    assert found([[4, 4, 5]], (4, 5)) == []


def test_nothing_to_ask():
    assert found([]) == []


@pytest.mark.parametrize("seed", range(8))
def test_as_by_brute_force(seed):
    rng = random.Random(seed)
    dialogs = [[rng.randrange(12) for _ in range(rng.randint(1, 4))] for _ in range(14)]
    present = sorted({node for dialog in dialogs for node in dialog})
    pairs = {tuple(sorted(rng.sample(present, 2))) for _ in range(6)}
    most = rng.choice([0.0, 0.3, 0.5, 0.8])
    ours = [(one.dialog, one.asked) for one in found(dialogs, *pairs, most=most)]
    assert ours == brute(dialogs, pairs, most)
    assert ours
