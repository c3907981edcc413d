"""`contamination`: candidates that repeat a benchmark's text, with the evidence; only where a recipe names benchmarks.

What was found of a shard is kept for as long as shard, benchmarks and thresholds stay.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import pyarrow as pa

from unicorn_assets.curation import decisions
from unicorn_assets.curation.decisions import Leaving
from unicorn_assets.curation.decontamination import Match, Meanings, Ngrams, Source
from unicorn_assets.identity import shard_name, shard_number
from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.fingerprint import digest
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.shards import BATCH_ROWS, open_parquet, parquet_writer, read_rows, readable
from unicorn_assets.lake.vectors import iter_vectors
from unicorn_assets.recipe import Recipe
from unicorn_assets.release.tables import SOURCES
from unicorn_assets.stages import checks, corpus
from unicorn_assets.stages.base import CheckSpec, Finding, Finished, Made, Stage, Work
from unicorn_assets.stages.embeddings import WINDOW_ROWS, encoder_fields, windows
from unicorn_assets.stages.runner import standing
from unicorn_assets.stages.tools import Tools
from unicorn_assets.synthesis.benchmarks import Texts, content_hash, read_texts
from unicorn_assets.synthesis.conversations import IMAGE
from unicorn_assets.text import words

REASON = "contaminated"
EXCERPT = 300
"""Characters of what is shared that are kept."""

Row = dict[str, Any]
Key = TypeVar("Key")


def contamination(recipe: Recipe) -> Stage | None:
    """The stage as the recipe wants it: none without benchmarks; on the gpu lane where it encodes questions."""
    chosen = recipe.decontamination
    if not chosen.benchmarks:
        return None
    return replace(CONTAMINATION, lane="cpu" if chosen.cosine is None else "gpu")


def refuse_unusable(recipe: Recipe) -> None:
    """Refuses a recipe whose benchmarks cannot be used, before anything is made that waits for them at the end.

    Raises:
        BenchmarkError: a file cannot be read, is empty, or has no such column or not one text.
    """
    for benchmark in recipe.decontamination.benchmarks:
        read_texts(benchmark)


def _decided_by(tools: Tools) -> dict[str, Any]:
    """What decides whether a text is contaminated: what the files hold, not where they stand."""
    chosen = tools.recipe.decontamination
    fields: dict[str, Any] = chosen.model_dump(exclude={"benchmarks", "warn_share"}, exclude_none=True)
    fields["benchmarks"] = [
        one.model_dump(mode="json", exclude={"path"}) | {"sha256": content_hash(one)} for one in chosen.benchmarks
    ]
    return fields | (encoder_fields(tools) if chosen.cosine is not None else {})


def _fields(tools: Tools) -> dict[str, Any]:
    warns = {"warn_share": tools.recipe.decontamination.warn_share}
    return corpus.corpus_fields(tools) | _decided_by(tools) | warns


def decide(work: Work, left: Leaving) -> pa.Table:
    """The decisions that follow, whatever has left: every contaminated candidate is left out."""
    del left
    rows = read_rows(work.lake.rows(CONTAMINATION.name, ALL))
    return decisions.table_of(
        {
            "id": row["id"],
            "table": row["table"],
            "reason": REASON,
            "detail": f"{row['place']}, {row['how']}: {row['shared']}",
            "evidence": f"{row['benchmark']}, {row['column']} of row {row['row']}",
        }
        for row in rows
    )


class _Look:
    """Looks for the benchmarks' texts in samples."""

    def __init__(self, tools: Tools, benchmarks: Mapping[str, Texts]) -> None:
        chosen = tools.recipe.decontamination
        every = [
            (source, text)
            for found in benchmarks.values()
            for source, text in found.texts
            if len(words(text)) >= chosen.min_words
        ]
        self._ngrams = Ngrams(every, chosen.ngram, chosen.min_words)
        self._tools, self._meanings = tools, None
        if chosen.cosine is not None and every:
            self._meanings = Meanings(every, tools.encoder.encode([text for _, text in every]), chosen.cosine)

    def shard(self, work: Work, shard: str) -> Iterator[Row]:
        """The contaminated candidates of a shard."""
        near: dict[str, Match] = {}
        if self._meanings is not None:  # captions have their vectors already
            for ids, vectors in iter_vectors(work.lake.vectors("text_embeddings", shard), WINDOW_ROWS):
                near |= _found(ids, self._meanings.matches(vectors))
        for table, stage in SOURCES.items():
            for window in windows(read_rows(work.lake.rows(stage, shard))):
                found = {row["id"]: one for row in window if (one := self._repeats(table, row, near)) is not None}
                if self._meanings is not None and table == "instruction":
                    found |= self._near_questions([row for row in window if row["id"] not in found], self._meanings)
                for sample, (place, match) in found.items():
                    yield _row(sample, table, place, match)

    def _repeats(self, table: str, row: Row, near: Mapping[str, Match]) -> tuple[str, Match] | None:
        """Where a sample repeats a benchmark: in words before in meaning, in its caption before in a turn."""
        for place, text in _texts(table, row):
            if (match := self._ngrams.match(text)) is not None:
                return place, match
        return ("caption", near[row["id"]]) if row["id"] in near else None

    def _near_questions(self, rows: list[Row], meanings: Meanings) -> dict[str, tuple[str, Match]]:
        """The first question of each dialog that is near a benchmark's text, without the options of a choice."""
        asked = [
            ((row["id"], place), text.partition("\n")[0])
            for row in rows
            for place, text in _texts("instruction", row)
            if place.startswith("question")
        ]
        if not asked:
            return {}
        vectors = self._tools.encoder.encode([text for _, text in asked])
        near: dict[str, tuple[str, Match]] = {}
        for (sample, place), match in _found([one for one, _ in asked], meanings.matches(vectors)).items():
            near.setdefault(sample, (place, match))
        return near


def _found(keys: Sequence[Key], matches: Sequence[Match | None]) -> dict[Key, Match]:
    """The matches that there are."""
    return {key: match for key, match in zip(keys, matches, strict=True) if match is not None}


def _texts(table: str, row: Row) -> Iterator[tuple[str, str]]:
    """What a sample says: its caption and, of a dialog, each question and answer, numbered from 1."""
    yield "caption", row["caption"]
    if table == "instruction":
        for number, turn in enumerate(row["conversations"]):
            who = "question" if turn["from"] == "human" else "answer"
            yield f"{who} {number // 2 + 1}", turn["value"].replace(IMAGE, "").strip()


def _row(sample: str, table: str, place: str, match: Match) -> Row:
    source: Source = match.source
    return {
        "id": sample,
        "table": table,
        "place": place,
        "benchmark": source.benchmark,
        "column": source.column,
        "row": source.row,
        "how": "words" if match.similarity is None else "meaning",
        "shared": match.shared[:EXCERPT],
        "similarity": match.similarity,
    }


def identities(tools: Tools, fresh: Mapping[str, list[str]]) -> dict[str, str]:
    """What each shard is known by once it has been looked through: rules, benchmarks, and what was read of it.

    Args:
        tools: home and recipe.
        fresh: the shards with their fingerprints, as `corpus.coverage` gives them.

    Raises:
        BenchmarkError: a benchmark cannot be read.
    """
    by = _decided_by(tools) | {"version": CONTAMINATION.version}
    return {shard: digest([by, made_from]) for shard, made_from in fresh.items()}


def _find(work: Work, drafts: Drafts) -> Made:
    chosen = work.recipe.decontamination
    with corpus.seen(work.tools):
        _, fresh = corpus.coverage(work.tools)
    benchmarks = {one.name: read_texts(one) for one in chosen.benchmarks}
    look = _Look(work.tools, benchmarks)
    produced = identities(work.tools, fresh)
    kept = _kept(work, produced)
    rows: list[Row] = []
    looked = 0
    for shard in fresh:
        looked += sum(work.lake.need(stage, shard).rows_out for stage in SOURCES.values())
        if shard in kept:
            rows += kept[shard]
        else:
            rows += look.shard(work, shard)
        work.progress(looked, None)
    rows.sort(key=lambda row: (row["id"], row["table"]))
    found = pa.Table.from_pylist([row | {"fingerprint": work.fingerprint} for row in rows], CONTAMINATION.written)
    with parquet_writer(drafts.add("rows"), CONTAMINATION.written) as writer:
        writer.write_table(found, row_group_size=BATCH_ROWS)
    counts = Counter(row["benchmark"] for row in rows)
    return Made(
        rows_in=looked,
        rows_out=len(rows),
        not_selected={"clean": looked - len(rows)} if looked > len(rows) else {},
        produced=produced,
        metrics={
            "benchmarks": {name: _told(one, counts[name], chosen.min_words) for name, one in benchmarks.items()},
            "shards_looked_at": len(fresh) - len(kept),
            "contaminated_share": round(len(rows) / looked, 6) if looked else 0.0,
        },
    )


def _told(found: Texts, contaminated: int, min_words: int) -> dict[str, Any]:
    return {
        "columns": ", ".join(found.columns),
        "texts": len(found.texts),
        "too_short": sum(len(words(text)) < min_words for _, text in found.texts),
        "unusable": found.unusable,
        "contaminated": contaminated,
    }


def _kept(work: Work, produced: Mapping[str, str]) -> dict[str, list[Row]]:
    """What stands of the shards that are as they were, looked through by the same rules; nothing if damaged."""
    found, _ = standing(CONTAMINATION, work.tools, ALL)
    if found is None:
        return {}
    same = {shard for shard, identity in produced.items() if found.produced.get(shard) == identity}
    rows: dict[str, list[Row]] = defaultdict(list)
    path = work.lake.rows(CONTAMINATION.name, ALL)
    with open_parquet(path) as parquet, readable(path):
        for row in parquet.read(CONTAMINATION.columns.names).to_pylist():
            rows[shard_name(shard_number(row["id"], work.recipe.shards))].append(row)
    return {shard: rows[shard] for shard in same}


def _few(finished: Finished) -> Finding:
    share, most = finished.made.metrics["contaminated_share"], finished.work.recipe.decontamination.warn_share
    return Finding(share <= most, {"contaminated_share": share, "warn_share": most})


def _compared(finished: Finished) -> Finding:
    benchmarks: dict[str, Any] = finished.made.metrics["benchmarks"]
    unused = sorted(name for name, told in benchmarks.items() if told["too_short"] == told["texts"])
    return Finding(not unused, {"benchmarks_without_long_texts": unused})


CONTAMINATION = Stage(
    name="contamination",
    version=1,
    inputs=corpus.DATASETS,
    fields=_fields,
    body=_find,
    schema=pa.schema(
        [
            *((name, pa.string()) for name in ("id", "table", "place", "benchmark", "column")),
            ("row", pa.int64()),
            *((name, pa.string()) for name in ("how", "shared")),
            ("similarity", pa.float64()),
        ]
    ),
    checks=(
        checks.ROWS_CONSERVED,
        checks.SCHEMA,
        checks.ONCE_A_TABLE,
        CheckSpec(
            "contamination_low",
            "No larger share of the candidates repeats a benchmark than the recipe's `warn_share`.",
            _few,
            blocking=False,
            severity="WARN",
        ),
        CheckSpec(
            "benchmarks_compared",
            "Every benchmark has a text of at least `min_words` words, so that something could be found.",
            _compared,
            blocking=False,
            severity="WARN",
        ),
    ),
    sharded=False,
)
"""As without embeddings; see `contamination`."""
