"""A home whose shards stand in its catalog, and what that says."""

from unicorn_assets.home import Home
from unicorn_assets.lake.tables import SHARD_TABLES
from unicorn_assets_tests.lake.making import (
    ids,
    make,
)

STAGE, SHARD = "expanded_captions", "shard-0000"


def finish(home: Home, stage: str = STAGE, shard: str = SHARD, **options) -> None:
    """Makes a shard the way a step does."""
    mark = lambda: home.catalog.mark(stage, shard)  # noqa: E731
    make(home.lake, stage, shard, options.pop("kept", ids(3)), before_publish=mark, **options)
    assert home.catalog.catch_up(wait_seconds=5)


def asked(home: Home, query: str) -> list[tuple]:
    with home.catalog.snapshot() as connection:
        return connection.execute(query).fetchall()


def content(home: Home) -> dict[str, list[tuple]]:
    """All rows of all tables, and the names of all views."""
    with home.catalog.snapshot() as connection:
        found = {table: sorted(connection.execute(f"FROM {table}").fetchall(), key=repr) for table in SHARD_TABLES}
        found["views"] = connection.execute(
            "SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY ALL"
        ).fetchall()
    return found
