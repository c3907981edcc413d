"""`unicorn sql`: a query on a private copy of the catalog, so that it blocks nobody however long it runs."""

import sys

import duckdb

from unicorn_assets.errors import LakeError
from unicorn_assets.home import Home


def sql(home: Home, query: str, *, as_csv: bool) -> None:
    """Prints what a query finds.

    Raises:
        LakeError: there is no lake yet, or the query is wrong.
    """
    home.switch.recover()
    if not home.lake.root.is_dir():
        raise LakeError(f"HOME {home.path} holds no lake yet.", "run `unicorn run` first.")
    with home.catalog.snapshot() as connection:
        try:
            found = connection.sql(query)
            if found is None:
                return
            if as_csv:
                # Polars quotes as spreadsheets expect, and takes the rows in Arrow batches.
                found.pl().write_csv(sys.stdout)
            else:
                found.show(max_width=200)
        except duckdb.Error as error:
            tables = ", ".join(sorted(name for (name,) in connection.execute("SHOW TABLES").fetchall()))
            raise LakeError(str(error), f"correct the query; tables and views: {tables}.") from None
