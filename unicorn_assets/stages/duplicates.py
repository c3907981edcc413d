"""`near_duplicates`: which captions and questions of the whole corpus have a better twin, and which pairs are near.

A row is a text that loses to a twin which is kept, as long as nothing else takes that one. Shards are left as they are.
Beside the rows stand the pairs, from which a later run goes on: it compares only what is new, and forgets what is gone.
From them and the texts that they are of, the selection chooses anew among what other rules leave.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from unicorn_assets.curation.decisions import ids_of
from unicorn_assets.curation.duplicates.finding import HOW
from unicorn_assets.curation.duplicates.nodes import NONE
from unicorn_assets.curation.duplicates.pairs import Numbers
from unicorn_assets.curation.duplicates.signatures import algorithm
from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.lists import fixed_ids, flat, id_strings, ids
from unicorn_assets.lake.shards import BATCH_ROWS, open_parquet, parquet_writer, readable
from unicorn_assets.recipe import Recipe
from unicorn_assets.stages import checks, corpus
from unicorn_assets.stages.base import CheckSpec, Finding, Finished, Made, Stage, Work
from unicorn_assets.stages.compared import CAPTIONS, QUESTIONS, forget_others, kinds, quality
from unicorn_assets.stages.embeddings import encoder_fields
from unicorn_assets.stages.nearness import HEADER, Before, Found, look
from unicorn_assets.stages.tools import Tools
from unicorn_assets.stages.twins import PAIRS, TEXTS, Losers, Twins, how_names

EXAMPLES = 5
"""Texts with the most twins that are shown."""
_CHARACTERS = 120


def _fields(tools: Tools) -> dict[str, Any]:
    chosen = tools.recipe.duplicates
    fields: dict[str, Any] = {"algorithm": dict(algorithm()), "most": chosen.most, "jaccard": chosen.jaccard}
    for kind in kinds(chosen):
        fields[kind.name] = kind.judged_by(chosen)
    if _encodes(tools.recipe):
        fields |= encoder_fields(tools)
    return fields | corpus.corpus_fields(tools)


def _compare(work: Work, drafts: Drafts) -> Made:
    _, fresh = corpus.coverage(work.tools)
    before = Before(work)
    forget_others(work)
    lost, pairs, texts, looked, metrics = [], [], [], {}, {}
    examples: dict[str, dict[str, Any]] = {}
    for kind in kinds(work.recipe.duplicates):
        found = look(work, kind, sorted(fresh), before)
        rows, twins = _twins(work, found)
        losers = twins.losers(np.ones(len(rows), np.bool_))
        lost.append(_lost(kind.name, twins, losers))
        pairs.append(twins.pairs(kind.name))
        texts.append(twins.table(kind.name))
        looked[kind.name] = found.looked
        metrics[kind.name] = _figures(found, losers)
        examples |= _examples(found, rows, losers)
    header = {HEADER: json.dumps(looked, sort_keys=True)}
    _write(drafts, "rows", _sorted(lost, NEAR_DUPLICATES.columns), NEAR_DUPLICATES.written, work.fingerprint)
    _write(drafts, "pairs", _sorted(pairs, PAIRS), PAIRS.with_metadata(header))
    _write(drafts, "texts", _sorted(texts, TEXTS), TEXTS)
    rows_in, rows_out = (sum(one[name] for one in metrics.values()) for name in ("texts", "lost"))
    return Made(
        rows_in=rows_in,
        rows_out=rows_out,
        not_selected={"no_better_twin": rows_in - rows_out} if rows_in > rows_out else {},
        metrics={"texts": metrics, "most_twins": examples},
    )


def _twins(work: Work, found: Found) -> tuple[Numbers, Twins]:
    """The texts that others have too or that are near another one, with their numbers among all."""
    nodes = found.nodes
    near = np.bincount(nodes.of_row[nodes.of_row != NONE], minlength=len(nodes)) > 1
    near[found.near.first] = near[found.near.second] = True
    worded = np.flatnonzero(nodes.of_row != NONE)
    rows = worded[near[nodes.of_row[worded]]]
    shard, place = nodes.place_of(rows)
    parts: list[tuple[Any, ...]] = [(ids_of([]), np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0))]
    for number in np.unique(shard).tolist():
        one = found.signed[number]
        samples, places = one.ids[place[shard == number]], one.places[place[shard == number]]
        of = np.searchsorted(one.ids, samples, "right") - np.searchsorted(one.ids, samples)
        parts.append((samples, places, of, quality(work.lake, found.shards[number], samples)))
    samples, places, of, good = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((places, samples, -good))
    rows = rows[order]
    own = nodes.of_row[rows]
    return rows, Twins(
        samples[order], places[order], of[order], own, nodes.keys[own], good[order].astype(float), found.near
    )


def _lost(kind: str, twins: Twins, losers: Losers) -> pa.Table:
    lost, twin = losers.lost, losers.twin
    return pa.table(
        {
            "kind": pa.repeat(kind, len(lost)),
            "id": id_strings(twins.ids[lost]),
            "turn": flat(pa.int32(), twins.places[lost]),
            "twin": id_strings(twins.ids[twin]),
            "twin_turn": flat(pa.int32(), twins.places[twin]),
            "similarity": flat(pa.float32(), losers.similarity),
            "how": how_names(losers.how),
        }
    )


def _sorted(parts: Sequence[pa.Table], columns: pa.Schema) -> pa.Table:
    """All rows in the order of their first columns, which name a row."""
    whole = pa.concat_tables([columns.empty_table(), *(part.cast(columns) for part in parts)])
    return whole.sort_by([(name, "ascending") for name in columns.names[:5]])


def _write(drafts: Drafts, kind: str, rows: pa.Table, columns: pa.Schema, fingerprint: str | None = None) -> None:
    if fingerprint is not None:
        rows = rows.append_column("fingerprint", pa.array([fingerprint] * len(rows), pa.string()))
    with parquet_writer(drafts.add(kind), columns) as writer:
        writer.write_table(rows.cast(columns), row_group_size=BATCH_ROWS)


def _figures(found: Found, losers: Losers) -> dict[str, Any]:
    texts, lost = len(found.nodes.of_row), len(losers.lost)
    by = Counter(losers.how[~losers.same].tolist())
    return {
        "texts": texts,
        "distinct": len(found.nodes),
        "compared": found.compared,
        "pairs": len(found.near),
        "lost": lost,
        "share": round(lost / max(texts, 1), 6),
        "same": int(losers.same.sum()),
        **{name: by[number] for number, name in enumerate(HOW)},
    }


def _examples(found: Found, rows: Numbers, losers: Losers) -> dict[str, dict[str, Any]]:
    """The texts that most others lose to, each with one of those; of texts told apart where there are some."""
    counts = np.bincount(losers.twin, minlength=len(rows))
    shown = np.argsort(-counts, kind="stable")[:EXAMPLES]
    shown = shown[counts[shown] > 0]
    others = []
    for kept in shown.tolist():
        mine = np.flatnonzero(losers.twin == kept)
        apart = mine[~losers.same[mine]]
        others.append(int(losers.lost[(apart if len(apart) else mine)[0]]))
    wanted = rows[np.concatenate([shown, np.array(others, np.int64)])]
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


def near_duplicates(recipe: Recipe) -> Stage | None:
    """The stage; None where the recipe compares nothing. On the gpu lane where it encodes questions."""
    if not kinds(recipe.duplicates):
        return None
    return replace(NEAR_DUPLICATES, lane="gpu") if _encodes(recipe) else NEAR_DUPLICATES


def _encodes(recipe: Recipe) -> bool:
    return recipe.duplicates.questions and recipe.duplicates.question_cosine is not None


NEAR_DUPLICATES = Stage(
    name="near_duplicates",
    version=2,
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
