"""`near_duplicates`: which captions and questions of the whole corpus have a better twin, and which pairs are near.

A row is a text that loses to a twin which is kept. Shards are left as they are; the selection applies the rows. Beside
them stand the pairs, from which a later run goes on: it compares only what is new, and forgets what is gone.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from unicorn_assets.curation import decisions
from unicorn_assets.curation.decisions import Ids, ids_of
from unicorn_assets.curation.duplicates.choice import KEPT, SAME, Choice, choose
from unicorn_assets.curation.duplicates.finding import HOW, LEXICAL
from unicorn_assets.curation.duplicates.nodes import NONE
from unicorn_assets.curation.duplicates.pairs import Numbers
from unicorn_assets.curation.duplicates.signatures import algorithm
from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.lists import fixed_ids, flat, id_strings, ids
from unicorn_assets.lake.shards import BATCH_ROWS, open_parquet, parquet_writer, readable
from unicorn_assets.recipe import Recipe
from unicorn_assets.stages import checks, corpus
from unicorn_assets.stages.base import CheckSpec, Finding, Finished, Made, Stage, Work
from unicorn_assets.stages.compared import CAPTIONS, QUESTIONS, kinds, quality
from unicorn_assets.stages.nearness import HEADER, Before, Found, look
from unicorn_assets.stages.tools import Tools

EXAMPLES = 5
"""Texts with the most twins that are shown."""
_CHARACTERS = 120

PAIRS = pa.schema(
    [
        pa.field("kind", pa.string()),
        pa.field("id_a", pa.string()),
        pa.field("turn_a", pa.int32()),
        pa.field("id_b", pa.string()),
        pa.field("turn_b", pa.int32()),
        pa.field("similarity", pa.float32()),
        pa.field("how", pa.string()),
        pa.field("key_a", pa.uint64()),
        pa.field("key_b", pa.uint64()),
    ]
)
"""Columns of a pair: the best row of either text, how near they are and by what, and the texts' keys.

Rows that say the same are one text here; that they are near goes without saying.
"""


@dataclass(frozen=True)
class _Rows:
    """The rows that a choice concerns, all (n,), in the canonical order: best quality first, then by id and place.

    Args:
        rows: their numbers among all rows.
        nodes: their texts.
        ids: their samples.
        places: their places in there.
    """

    rows: Numbers
    nodes: Numbers
    ids: Ids
    places: NDArray[np.int32]


def _fields(tools: Tools) -> dict[str, Any]:
    chosen = tools.recipe.duplicates
    fields: dict[str, Any] = {"algorithm": dict(algorithm()), "most": chosen.most, "jaccard": chosen.jaccard}
    fields["lost_questions"] = chosen.lost_questions
    for kind in kinds(chosen):
        fields[kind.name] = {"words": kind.words(chosen), "containment": kind.contained(chosen)}
    return fields | corpus.corpus_fields(tools)


def _compare(work: Work, drafts: Drafts) -> Made:
    _, fresh = corpus.coverage(work.tools)
    before = Before(work)
    lost, pairs, looked, metrics = [], [], {}, {}
    examples: dict[str, dict[str, Any]] = {}
    for kind in kinds(work.recipe.duplicates):
        found = look(work, kind, sorted(fresh), before)
        rows = _concerned(work, found)
        choice = choose(rows.nodes, np.arange(len(rows.rows)), found.near)
        lost.append(_lost(found, rows, choice))
        pairs.append(_pairs(found, rows))
        looked[kind.name] = found.looked
        metrics[kind.name] = _figures(found, choice)
        examples |= _examples(found, rows, choice)
    _write(drafts, "rows", _sorted(lost, NEAR_DUPLICATES.columns), NEAR_DUPLICATES.written, work.fingerprint)
    _write(drafts, "pairs", _sorted(pairs, PAIRS), PAIRS.with_metadata({HEADER: json.dumps(looked, sort_keys=True)}))
    texts, losers = (sum(one[name] for one in metrics.values()) for name in ("texts", "lost"))
    return Made(
        rows_in=texts,
        rows_out=losers,
        not_selected={"no_better_twin": texts - losers} if texts > losers else {},
        metrics={"texts": metrics, "most_twins": examples},
    )


def _concerned(work: Work, found: Found) -> _Rows:
    """Rows whose text others have too, or is near another one."""
    nodes = found.nodes
    near = np.bincount(nodes.of_row[nodes.of_row != NONE], minlength=len(nodes)) > 1
    near[found.near.first] = near[found.near.second] = True
    worded = np.flatnonzero(nodes.of_row != NONE)
    rows = worded[near[nodes.of_row[worded]]]
    shard, place = nodes.place_of(rows)
    parts: list[tuple[Any, ...]] = [(ids_of([]), np.empty(0, np.int32), np.empty(0))]
    for number in np.unique(shard).tolist():
        here, one = place[shard == number], found.signed[number]
        ids = one.ids[here]
        parts.append((ids, one.places[here], quality(work.lake, found.shards[number], ids)))
    ids, places, good = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((places, ids, -good))
    return _Rows(rows[order], nodes.of_row[rows][order], ids[order], places[order])


def _lost(found: Found, rows: _Rows, choice: Choice) -> pa.Table:
    lost = np.flatnonzero(choice.twin != KEPT)
    twin, pair = choice.twin[lost], choice.pair[lost]
    similarity = np.append(found.near.similarity, np.float32(1))[pair]  # the last one for SAME
    how = np.append(found.near.how, LEXICAL)[pair]
    return pa.table(
        {
            "kind": pa.repeat(found.kind.name, len(lost)),
            "id": id_strings(rows.ids[lost]),
            "turn": flat(pa.int32(), rows.places[lost]),
            "twin": id_strings(rows.ids[twin]),
            "twin_turn": flat(pa.int32(), rows.places[twin]),
            "similarity": flat(pa.float32(), similarity),
            "how": _how(how),
        }
    )


def _pairs(found: Found, rows: _Rows) -> pa.Table:
    near, known = found.near, np.unique(rows.nodes, return_index=True)
    columns: dict[str, Any] = {"kind": pa.repeat(found.kind.name, len(near))}
    for side, nodes in (("a", near.first), ("b", near.second)):
        best = known[1][np.searchsorted(known[0], nodes)]
        columns[f"id_{side}"] = id_strings(rows.ids[best])
        columns[f"turn_{side}"] = flat(pa.int32(), rows.places[best])
        columns[f"key_{side}"] = flat(pa.uint64(), found.nodes.keys[nodes])
    columns["similarity"] = flat(pa.float32(), near.similarity)
    columns["how"] = _how(near.how)
    return pa.table(columns).select(PAIRS.names)


def _how(numbers: NDArray[np.int8]) -> pa.Array:
    return pa.array(HOW).take(flat(pa.int8(), numbers))


def _sorted(parts: Sequence[pa.Table], columns: pa.Schema) -> pa.Table:
    """All rows in the order of their first columns, which name a row."""
    whole = pa.concat_tables([columns.empty_table(), *(part.cast(columns) for part in parts)])
    return whole.sort_by([(name, "ascending") for name in columns.names[:5]])


def _write(drafts: Drafts, kind: str, rows: pa.Table, columns: pa.Schema, fingerprint: str | None = None) -> None:
    if fingerprint is not None:
        rows = rows.append_column("fingerprint", pa.array([fingerprint] * len(rows), pa.string()))
    with parquet_writer(drafts.add(kind), columns) as writer:
        writer.write_table(rows.cast(columns), row_group_size=BATCH_ROWS)


def _figures(found: Found, choice: Choice) -> dict[str, Any]:
    texts, lost = len(found.nodes.of_row), choice.twin != KEPT
    same = int((lost & (choice.pair == SAME)).sum())
    by = Counter(found.near.how[choice.pair[lost & (choice.pair != SAME)]].tolist())
    return {
        "texts": texts,
        "distinct": len(found.nodes),
        "compared": found.compared,
        "pairs": len(found.near),
        "lost": int(lost.sum()),
        "share": round(float(lost.sum()) / max(texts, 1), 6),
        "same": same,
        **{name: by[number] for number, name in enumerate(HOW)},
    }


def _examples(found: Found, rows: _Rows, choice: Choice) -> dict[str, dict[str, Any]]:
    """The texts that most others lose to, each with one of those; of texts told apart where there are some."""
    lost = np.flatnonzero(choice.twin != KEPT)
    counts = np.bincount(choice.twin[lost], minlength=len(rows.rows))
    shown = np.lexsort((rows.places, rows.ids, -counts))[:EXAMPLES]
    shown = shown[counts[shown] > 0]
    others = []
    for kept in shown.tolist():
        losers = lost[choice.twin[lost] == kept]
        apart = losers[choice.pair[losers] != SAME]
        others.append(int((apart if len(apart) else losers)[0]))
    wanted = rows.rows[np.concatenate([shown, np.array(others, np.int64)])]
    texts = [text[:_CHARACTERS] for text in found.texts(wanted)]
    return {
        f"{found.kind.name} {place + 1}": {
            "twins": int(counts[kept]),
            "kept": texts[place],
            "lost": texts[place + len(shown)],
        }
        for place, kept in enumerate(shown.tolist())
    }


def _each_loses_once(finished: Finished) -> Finding:
    path = finished.drafts.paths["rows"]
    with open_parquet(path) as parquet, readable(path):
        rows = parquet.read(["kind", "id", "turn", "twin", "twin_turn"])
    lost, kept = _ranked(rows)
    both = int(np.isin(np.unique(kept), lost).sum())
    figures = {"rows": len(rows), "kept_and_lost": both}
    return Finding(not both and bool((np.diff(lost) > 0).all()) and len(rows) == finished.made.rows_out, figures)


def _ranked(rows: pa.Table) -> tuple[Numbers, Numbers]:
    """Those that lose and those that they lose to, as numbers in the order of kind, id and turn."""
    names = sorted(kind.name for kind in (CAPTIONS, QUESTIONS))
    kind = np.asarray(pc.index_in(rows["kind"], value_set=pa.array(names)), np.int64)
    sides = [ids(fixed_ids(rows[name])) for name in ("id", "twin")]
    known, place = np.unique(np.concatenate(sides), return_inverse=True)
    turns = [np.asarray(rows[name], np.int64) + 1 for name in ("turn", "twin_turn")]
    most = max((int(one.max()) for one in turns if len(one)), default=0) + 1
    lost, kept = ((kind * len(known) + own) * most + turn for own, turn in zip(np.split(place, 2), turns, strict=True))
    return lost, kept


def _share(finished: Finished) -> Finding:
    most = finished.work.recipe.duplicates.most
    share = finished.made.metrics["texts"].get(CAPTIONS.name, {}).get("share", 0.0)
    return Finding(share <= most, {"share": share, "most": most})


def decide(work: Work) -> pa.Table:
    """What follows for the candidates, as `decisions.SCHEMA`.

    A caption with a better twin leaves with its dialog; so does a dialog most of whose questions are asked elsewhere.
    """
    path = work.lake.rows(NEAR_DUPLICATES.name, ALL)
    with open_parquet(path) as parquet, readable(path):
        lost = parquet.read(["kind", "id", "twin", "similarity", "how"])
    captions = lost.filter(pc.equal(lost["kind"], CAPTIONS.name)).to_pylist()
    rows: list[dict[str, Any]] = [
        {
            "id": row["id"],
            "table": table,
            "reason": "near_duplicate",
            "detail": f"{row['how']} {row['similarity']:.2f}",
            "evidence": row["twin"],
        }
        for row in captions
        for table in ("pretrain", "instruction")
    ]
    if work.recipe.duplicates.lost_questions < 1:
        rows += _lost_dialogs(work, lost.filter(pc.equal(lost["kind"], QUESTIONS.name)))
    return decisions.table_of(rows)


def _lost_dialogs(work: Work, lost: pa.Table) -> list[dict[str, Any]]:
    most, rows = work.recipe.duplicates.lost_questions, []
    counts = Counter(lost["id"].to_pylist())
    for shard in sorted(corpus.coverage(work.tools)[1]):
        asked = Counter(QUESTIONS.read(work.lake, shard).ids.to_pylist())
        for sample, number in sorted(asked.items()):
            if counts[sample] > most * number:
                detail = f"{counts[sample]} of {number} questions are asked elsewhere"
                rows.append({"id": sample, "table": "instruction", "reason": "asked_elsewhere", "detail": detail})
    return rows


def near_duplicates(recipe: Recipe) -> Stage | None:
    """The stage; None where the recipe compares nothing."""
    return NEAR_DUPLICATES if kinds(recipe.duplicates) else None


NEAR_DUPLICATES = Stage(
    name="near_duplicates",
    version=1,
    inputs=corpus.DATASETS,
    fields=_fields,
    body=_compare,
    schema=pa.schema(
        [
            pa.field("kind", pa.string()),
            pa.field("id", pa.string()),
            pa.field("turn", pa.int32()),
            pa.field("twin", pa.string()),
            pa.field("twin_turn", pa.int32()),
            pa.field("similarity", pa.float32()),
            pa.field("how", pa.string()),
        ]
    ),
    checks=(
        checks.ROWS_CONSERVED,
        checks.SCHEMA,
        CheckSpec("each_loses_once", "Rows are sorted, and no text both loses and is kept.", _each_loses_once),
        CheckSpec(
            "few_duplicates",
            "No more captions have a better twin than the recipe's [duplicates] section says.",
            _share,
            blocking=False,
            severity="WARN",
        ),
    ),
    sharded=False,
)
"""As for a recipe that compares something; see `near_duplicates`."""
