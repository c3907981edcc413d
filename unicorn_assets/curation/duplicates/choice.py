"""Who is kept among near-duplicates: greedy in one canonical order, the best first, since being near is not transitive.

A row loses where a better one that is kept is near it. So no two kept rows are near each other, every loser is near a
kept one, and neither depends on the order in which rows came.
"""

from dataclasses import dataclass

import numpy as np

from unicorn_assets.curation.duplicates.finding import Near
from unicorn_assets.curation.duplicates.pairs import Numbers

KEPT = -1
SAME = -1


@dataclass(frozen=True)
class Choice:
    """What becomes of n rows.

    Args:
        twin: the row that each loses to, (n,); KEPT where it does not.
        pair: by which pair it is near to it, (n,); SAME where it says the same or is kept.
    """

    twin: Numbers
    pair: Numbers


def choose(node: Numbers, rank: Numbers, near: Near) -> Choice:
    """Chooses among rows.

    Args:
        node: each row's node, (n,).
        rank: each row's place in the canonical order, the best first, (n,); no two have the same.
        near: pairs of nodes. All nodes of theirs have a row.
    """
    order = np.argsort(rank)
    known, leading = np.unique(node[order], return_index=True)
    best = order[leading]  # the best row of each node that has one
    group = np.searchsorted(known, node)
    lost = _losers(rank[best], np.searchsorted(known, near.first), np.searchsorted(known, near.second), near)
    pair = lost[group]
    twin = np.where(best[group] == np.arange(len(node)), KEPT, best[group])
    by_pair = np.flatnonzero(pair != KEPT)
    ends = np.searchsorted(known, np.stack([near.first[pair[by_pair]], near.second[pair[by_pair]]]))
    twin[by_pair] = best[np.where(ends[0] == group[by_pair], ends[1], ends[0])]
    return Choice(twin, np.where(pair == KEPT, SAME, pair))


def _losers(place: Numbers, first: Numbers, second: Numbers, near: Near) -> Numbers:
    """For each node the number of the pair by which it loses, KEPT where it does not.

    One that is near to several kept ones loses by what is surest, then to the nearest of them, of equals to the best.
    """
    ours, theirs = np.concatenate([first, second]), np.concatenate([second, first])  # each pair from both sides
    number = np.tile(np.arange(len(near)), 2)
    worse = place[ours] > place[theirs]
    ours, theirs, number = ours[worse], theirs[worse], number[worse]
    order = np.lexsort((place[theirs], -near.similarity[number], near.how[number], place[ours]))
    lost: list[int] = np.full(len(place), KEPT).tolist()
    for own, other, pair in zip(ours[order].tolist(), theirs[order].tolist(), number[order].tolist(), strict=True):
        if lost[own] == KEPT and lost[other] == KEPT:
            lost[own] = pair
    return np.array(lost, np.int64)
