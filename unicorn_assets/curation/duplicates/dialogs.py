"""Which dialogs leave for what they ask: greedy in one canonical order, the best first, as among texts.

A dialog goes out whole or not at all. So all that one asks which goes out is asked, and nothing that one asks which
does not; what a dialog asks twice is not asked elsewhere.
"""

from dataclasses import dataclass

import numpy as np

from unicorn_assets.curation.duplicates.finding import Near
from unicorn_assets.curation.duplicates.pairs import Numbers

_NOBODY = -1


@dataclass(frozen=True)
class Repeated:
    """A dialog that leaves.

    Args:
        dialog: its place in the canonical order.
        asked: how many of its questions others ask.
        by: the place of a dialog that asks one of them, and goes out.
    """

    dialog: int
    asked: int
    by: int


def repeated(starts: Numbers, totals: Numbers, nodes: Numbers, near: Near, most: float) -> list[Repeated]:
    """Dialogs of which more than the share `most` of the questions are asked by others that go out.

    Args:
        starts: where each dialog's questions begin, and where the last one's end, (dialogs + 1,), in canonical order.
        totals: how many questions each has, those that nobody else asks too, (dialogs,).
        nodes: the node of each question, one dialog behind the other.
        near: pairs of nodes that are near.
        most: that share.
    """
    known, own = np.unique(nodes, return_inverse=True)
    ends = np.searchsorted(known, np.stack([near.first, near.second]))
    ours, theirs = np.concatenate([ends[0], ends[1]]), np.concatenate([ends[1], ends[0]])
    order = np.argsort(ours, kind="stable")
    neighbours, begins = theirs[order].tolist(), np.searchsorted(ours[order], np.arange(len(known) + 1)).tolist()
    asked_by, said = [_NOBODY] * len(known), bytearray(len(known))
    bounds, questions, found = starts.tolist(), own.tolist(), []
    for dialog, total in enumerate(totals.tolist()):
        mine = questions[bounds[dialog] : bounds[dialog + 1]]
        others = [asked_by[node] for node in mine if asked_by[node] != _NOBODY]
        if len(others) > most * total:
            found.append(Repeated(dialog, len(others), others[0]))
            continue
        for node in mine:
            if not said[node]:
                said[node] = True
                for one in (node, *neighbours[begins[node] : begins[node + 1]]):
                    if asked_by[one] == _NOBODY:
                        asked_by[one] = dialog
    return found
