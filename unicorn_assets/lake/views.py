"""Views of the catalog over the files of the lake: one a stage, and the story of every row across all of them."""

import re
from pathlib import Path

import duckdb

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


def create(connection: duckdb.DuckDBPyConnection, lake: Lake, *, anew: bool) -> None:
    """Makes the views whose files are there and can be read: `lineage` waits for all stages.

    Not inside a transaction, which a view that cannot be made would end.

    Args:
        connection: the catalog.
        lake: the lake.
        anew: makes those again that stand already, and drops those whose files are gone. It reads the names of all
            files, which took 0.08 s at 500 shards: for readers, not for every step.
    """
    queries = {stage: _sharded(lake.rows(stage, "shard-*")) for stage in SHARDED}
    queries |= {stage: _over(lake.rows(stage, ALL)) for stage in UNSHARDED}
    queries["near_duplicate_pairs"] = _over(lake.pairs("near_duplicates", ALL))
    queries["seeds_set_aside"] = _over(lake.set_aside("seed_sources", ALL))
    found = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    there = set() if anew else {name for (name,) in found}
    there |= {name for name, query in queries.items() if name not in there and _create(connection, name, query)}
    if not there.issuperset(SHARDED):
        connection.execute("DROP VIEW IF EXISTS lineage")
    elif "lineage" not in there:
        connection.execute(f"CREATE OR REPLACE VIEW lineage AS {LINEAGE}")


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


def _over(path: Path, *, filename: bool = False) -> str:
    """All columns of a Parquet file, or of all whose names the pattern at the end of `path` fits."""
    pattern = re.sub(r"[*?[]", r"[\g<0>]", str(path.parent)) + f"/{path.name}"
    quoted = pattern.replace("'", "''")
    # Without the last option, a folder of HOME called `name=value` would become a column.
    return f"SELECT * FROM read_parquet('{quoted}', filename = {filename}, hive_partitioning = false)"
