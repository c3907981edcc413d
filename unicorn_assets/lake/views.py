"""Views of the catalog over the files of a home.

One a stage, the story of every row across all of them, what was set aside anywhere, every stored answer, the rows of
every release, and what seeds are missing for the wanted mix.
"""

import re
from pathlib import Path

import duckdb

from unicorn_assets.lake import cost_views
from unicorn_assets.lake.layout import ALL, Lake

SHARDED = (
    "caption_seeds",
    "expanded_captions",
    "curated_captions",
    "instruction_dialogs",
    "text_embeddings",
    "synthetic_image_embeddings",
    "pretrain_dataset",
    "instruction_dataset",
)

OPTIONAL = cost_views.PROBES
"""Those of a recipe that asks for them. No release is made of them, and no story waits for them."""

UNSHARDED = ("seed_sources", "image_reference", "contamination", "near_duplicates", "selection")

LINEAGE = """
SELECT id, seeds.shard, seeds.source, seeds.licence, seeds.origin, seeds.file, seeds.row, seeds.topic, seeds.seed,
    expanded.caption, expanded.fingerprint AS caption_fingerprint, curated.id IS NOT NULL AS curated,
    dialogs.task, dialogs.fingerprint AS dialog_fingerprint, embeddings.tokens, embeddings.cut,
    images.id IS NOT NULL AS embedded, pretrain.id IS NOT NULL AS in_pretrain,
    instruction.id IS NOT NULL AS in_instruction
FROM caption_seeds AS seeds
LEFT JOIN expanded_captions AS expanded USING (id)
LEFT JOIN curated_captions AS curated USING (id)
LEFT JOIN instruction_dialogs AS dialogs USING (id)
LEFT JOIN text_embeddings AS embeddings USING (id)
LEFT JOIN synthetic_image_embeddings AS images USING (id)
LEFT JOIN pretrain_dataset AS pretrain USING (id)
LEFT JOIN instruction_dataset AS instruction USING (id)
"""


REQUESTED = {"topic": "VARCHAR", "task": "VARCHAR", "words": "VARCHAR", "rows": "BIGINT", "seeds": "BIGINT"}
"""Columns of the file of what is missing for a wanted mix, with their types in DuckDB."""

# A release's version: nothing else in its folder's place, neither `latest` nor a draft, has this many of these signs.
_VERSION = "[0-9a-f]" * 16

_SET_ASIDE = """
SELECT parse_path(filename)[-3] AS stage, parse_filename(filename, true) AS shard, id, outcome, reason, detail, text
FROM ({files})
"""
_ANSWERS = """
SELECT parse_path(filename)[-2] AS stage, parse_filename(filename, true) AS shard, id, task, prompt_version,
    try(decode(engine)) AS engine, try(decode(model)) AS model, try(decode(revision)) AS revision, temperature, top_p,
    max_tokens, seed, try(decode(finish_reason)) AS finish_reason, prompt_tokens, completion_tokens,
    try(decode(text)) AS text
FROM ({files})
"""
_RELEASED = """
SELECT parts[-2] AS "table", CASE parts[-3] WHEN 'validation' THEN 'validation' ELSE 'train' END AS split,
    CASE parts[-3] WHEN 'validation' THEN parts[-5] ELSE parts[-4] END AS recipe,
    CASE parts[-3] WHEN 'validation' THEN parts[-4] ELSE parts[-3] END AS version,
    parse_filename(filename, true) AS shard, id
FROM (SELECT id, filename, parse_path(filename) AS parts FROM ({files}))
"""


def create(connection: duckdb.DuckDBPyConnection, lake: Lake, home: Path, *, anew: bool) -> None:
    """Makes the views whose files are there and can be read: `lineage` waits for all stages.

    Not inside a transaction, which a view that cannot be made would end.

    Args:
        connection: the catalog.
        lake: the lake.
        home: the folder that answers and releases stand in.
        anew: makes those again that stand already, and drops those whose files are gone. It reads the names of all
            files, which took 0.08 s at 500 shards: for readers, not for every step.
    """
    queries = {stage: _sharded(lake.rows(stage, "shard-*")) for stage in (*SHARDED, *OPTIONAL)}
    queries |= {stage: _over(lake.rows(stage, ALL)) for stage in UNSHARDED}
    queries["near_duplicate_pairs"] = _over(lake.pairs("near_duplicates", ALL))
    queries["seeds_set_aside"] = _over(lake.set_aside("seed_sources", ALL))
    queries["set_aside"] = _SET_ASIDE.format(files=_over(lake.set_aside("*", "*"), lake.root, filename=True))
    queries["answers"] = _ANSWERS.format(files=_over(home / "answers/*/*.parquet", home, filename=True))
    rows = home / "releases" / "*" / _VERSION / "**" / "*.parquet"
    queries["released"] = _RELEASED.format(files=_over(rows, home, filename=True))
    queries["seed_requests"] = _requested(lake.requests("selection", ALL))
    found = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    there = set() if anew else {name for (name,) in found}
    there |= {name for name, query in queries.items() if name not in there and _create(connection, name, query)}
    if not there.issuperset(SHARDED):
        connection.execute("DROP VIEW IF EXISTS lineage")
    elif "lineage" not in there:
        connection.execute(f"CREATE OR REPLACE VIEW lineage AS {LINEAGE}")
    cost_views.create(connection, there, anew=anew)


def _create(connection: duckdb.DuckDBPyConnection, name: str, query: str) -> bool:
    try:
        connection.execute(f"CREATE OR REPLACE VIEW {name} AS {query}")
    except (duckdb.IOException, duckdb.InvalidInputException):  # no such file, no Parquet
        connection.execute(f"DROP VIEW IF EXISTS {name}")
        return False
    return True


def _sharded(path: Path) -> str:
    """All columns of a stage's rows, and the shard that each stands in, which its file's name says."""
    return f"SELECT * EXCLUDE (filename), parse_filename(filename, true) AS shard FROM ({_over(path, filename=True)})"


def _over(path: Path, above: Path | None = None, *, filename: bool = False) -> str:
    """All columns of a Parquet file, or of all that a pattern fits: what stands in `path` below the folder `above`.

    By itself `above` is the file's folder, so that a pattern stands in its name alone.
    """
    # Without the last option, a folder of HOME called `name=value` would become a column.
    return f"SELECT * FROM read_parquet({_quoted(path, above)}, filename = {filename}, hive_partitioning = false)"


def _requested(path: Path) -> str:
    """All columns of a file of requests; nothing in it is guessed."""
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in REQUESTED.items())
    return (
        f"SELECT * FROM read_csv({_quoted(path)}, columns = {{{columns}}}, auto_detect = false, header = true, "
        "delim = ',', quote = '\"', escape = '\"', hive_partitioning = false)"
    )


def _quoted(path: Path, above: Path | None = None) -> str:
    """A pattern for DuckDB, in quotes. It stands below `above`, by itself the file's folder, whose name is plain."""
    above = path.parent if above is None else above
    pattern = re.sub(r"[*?[]", r"[\g<0>]", str(above)) + f"/{path.relative_to(above)}"
    return "'" + pattern.replace("'", "''") + "'"
