"""What changed since the release before: rows added, dropped and rewritten by id, and why rows were dropped.

Compared in DuckDB, out of core; files that are equal in both releases are not read. Why a row fell out is read from
what the stages of the lake set aside: the last stage that a row reached tells.
"""

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.files import sha256
from unicorn_assets.release.inputs import SELECTION, Inputs
from unicorn_assets.release.manifest import Changes, Manifest, Reason, TableChanges, read
from unicorn_assets.release.tables import EMBEDDINGS, SOURCES
from unicorn_assets.section import flatten

SHOWN = 3
"""Ids that are named for each reason, the first in their order."""
MEMORY = "256MB"
THREADS = 2

DAMAGED = "the release before is damaged, so its rows cannot be compared"
GONE = "no source gives its seed any more"
UNRELEASED = "its shard is not in this release"
UNKNOWN = "not known"


def previous(folder: Path) -> Manifest | None:
    """The manifest of the release in `folder`, None if there is none or it is not one of this format."""
    try:
        return read(folder)
    except LakeError:
        return None


def counted_changes(folder: Path) -> dict[str, Any]:
    """What the manifest of a release says of the one before, without reasons; nothing for a first release."""
    facts = previous(folder)
    if facts is None or facts.changes is None:
        return {}
    told = {table: one.model_dump(exclude={"why"}) for table, one in facts.changes.tables.items()}
    return {"since": facts.changes.since} | told


def since(before: Path, old: Manifest, draft: Path, new: Manifest, inputs: Inputs) -> Changes:
    """What changed from the release in `before` to the one in `draft`.

    Args:
        before: the folder of the release before.
        old: its manifest.
        draft: the folder of the new release, its data written.
        new: its manifest, without version and seal.
        inputs: the shards that the new release is made of.

    Raises:
        LakeError: a file of the lake cannot be read, or there is no room to compare.
    """
    told = Changes(since=old.version, settings=_settings(old, new), tables={})
    compared: dict[str, TableChanges] = {}
    with _database(draft) as connection:
        for table in sorted({*old.tables, *new.tables} - {EMBEDDINGS}):
            names = _unequal(old, new, table)
            # By their hashes: what DuckDB makes of a damaged file may be an error of any kind, or other rows.
            if any(not _as_released(before, name, old) for name in names):
                return told.model_copy(update={"problem": DAMAGED})
            files = [_plainly(before / name) for name in names]
            _compare(connection, files, [_plainly(draft / name) for name in _unequal(new, old, table)])
            compared[table] = _changes(connection, table, draft, new, inputs)
    return told.model_copy(update={"tables": compared})


def _settings(old: Manifest, new: Manifest) -> list[str]:
    """One line a key that differs. Figures of the fit follow from the rest and would only repeat it."""
    before, after = _decided(old), _decided(new)
    return [
        f"{key}: {before.get(key)!r} -> {after.get(key)!r}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]


def _decided(facts: Manifest) -> dict[str, Any]:
    made = facts.made_by.model_dump()
    shown = ("fitted_on", "gap", "real_images")
    parts = {
        "recipe": facts.recipe,
        "engine": made["engine"],
        "encoder": {key: value for key, value in made["encoder"].items() if key != "rows_cut"},
        "transfer": {key: value for key, value in made["transfer"].items() if key not in shown},
    }
    return flatten(parts)


def _unequal(mine: Manifest, other: Manifest, table: str) -> list[str]:
    """Names of a table's files that are not equal, byte for byte, in the other release."""
    names = [f"{table}/{shard}.parquet" for shard in (mine.tables[table].shards if table in mine.tables else ())]
    return [name for name in names if mine.files.get(name) != other.files.get(name)]


def _as_released(folder: Path, name: str, facts: Manifest) -> bool:
    """Whether a file of a release is what its manifest says."""
    try:
        return name in facts.files and sha256(folder / name) == facts.files[name].sha256
    except OSError:
        return False


def _plainly(path: Path) -> str:
    """A path for DuckDB, the signs of a pattern escaped."""
    return re.sub(r"[*?[]", r"[\g<0>]", str(path))


@contextmanager
def _database(draft: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    spill = draft.with_name(f"{draft.name}.spill")
    try:
        with duckdb.connect() as connection:
            connection.execute(f"SET memory_limit = '{MEMORY}'")
            connection.execute(f"SET threads = {THREADS}")  # each takes memory
            connection.execute("SET temp_directory = ?", [str(spill)])
            connection.execute("SET preserve_insertion_order = false")
            yield connection
    except duckdb.Error as error:
        raise LakeError(
            f"The release cannot be compared with the one before: {str(error).splitlines()[0]}.",
            "free some disk space or memory, see with `unicorn status` that no shard is damaged, and run again.",
        ) from None
    finally:
        shutil.rmtree(spill, ignore_errors=True)


def _compare(connection: duckdb.DuckDBPyConnection, old: Sequence[str], new: Sequence[str]) -> None:
    """Makes the tables `dropped` (id) and `counts` (added, dropped, rewritten) of two lists of files."""
    for name, files in (("before", old), ("after", new)):
        if files:
            connection.execute(
                f"CREATE OR REPLACE TABLE {name} AS SELECT id, hash(caption, conversations) AS said "
                "FROM read_parquet(?, hive_partitioning = false)",
                [list(files)],
            )
        else:
            connection.execute(f"CREATE OR REPLACE TABLE {name} (id VARCHAR, said UBIGINT)")
    connection.execute("CREATE OR REPLACE TABLE dropped AS SELECT id FROM before ANTI JOIN after USING (id)")
    connection.execute(
        "CREATE OR REPLACE TABLE counts AS SELECT (SELECT count(*) FROM after ANTI JOIN before USING (id)) AS added, "
        "(SELECT count(*) FROM dropped) AS dropped, "
        "(SELECT count(*) FROM before JOIN after USING (id) WHERE before.said <> after.said) AS rewritten"
    )


def _changes(
    connection: duckdb.DuckDBPyConnection, table: str, draft: Path, new: Manifest, inputs: Inputs
) -> TableChanges:
    (added, dropped, rewritten), *_ = connection.execute("FROM counts").fetchall()
    why = _why(connection, table, draft, new, inputs) if dropped else {}
    return TableChanges(added=added, dropped=dropped, rewritten=rewritten, why=why)


def _why(
    connection: duckdb.DuckDBPyConnection, table: str, draft: Path, new: Manifest, inputs: Inputs
) -> dict[str, Reason]:
    """Why the rows in `dropped` are, by reason. What is known better stands further down and wins."""
    connection.execute("CREATE OR REPLACE TABLE reasons (id VARCHAR, rank INTEGER, reason VARCHAR)")
    _note(connection, _files(inputs, "caption_seeds", "rows"), -2, f"'{GONE}'", anti=True)
    shards = [int(name.removeprefix("shard-")) for name in new.coverage.missing]
    connection.execute(
        f"INSERT INTO reasons SELECT id, -1, '{UNRELEASED}' FROM dropped "
        "WHERE ('0x' || id[:16])::UBIGINT % ? IN (SELECT unnest(?::UBIGINT[]))",
        [int(new.recipe["shards"]), shards],
    )
    for rank, stage in enumerate(_stages(inputs, table)):
        _note(connection, _files(inputs, stage, "set_aside"), rank, f"'{stage}: ' || reason")
    decided = _files(inputs, SELECTION, "rows")
    _note(connection, decided, 500, f"'{SELECTION}: ' || reason", where=f"\"table\" = '{table.rpartition('/')[2]}'")
    side = table.rpartition("/")[0]
    for other in sorted(name for name in new.tables if name.rpartition("/")[2] == table.rpartition("/")[2]):
        if other != table:
            to = "train" if side else "validation"
            files = [_plainly(draft / f"{other}/{shard}.parquet") for shard in new.tables[other].shards]
            _note(connection, files, 1000, f"'moved to {to}'")
    found = connection.execute(
        "SELECT reason, count(*), min(id, ?) FROM (SELECT dropped.id, "
        "coalesce(arg_max(reason, rank), ?) AS reason FROM dropped LEFT JOIN reasons USING (id) GROUP BY dropped.id) "
        "GROUP BY reason ORDER BY reason",
        [SHOWN, UNKNOWN],
    ).fetchall()
    return {reason: Reason(rows=rows, first=sorted(first)) for reason, rows, first in found}


def _note(
    connection: duckdb.DuckDBPyConnection,
    files: Sequence[str],
    rank: int,
    reason: str,
    *,
    anti: bool = False,
    where: str = "true",
) -> None:
    """Notes a reason for the dropped rows whose id is in these files, in a row that is so; with `anti`, is not."""
    if files:
        found = f"(SELECT * FROM read_parquet(?, hive_partitioning = false) WHERE {where}) AS found"
        connection.execute(
            f"INSERT INTO reasons SELECT id, {rank}, any_value({reason}) FROM dropped "
            f"{'ANTI JOIN' if anti else 'JOIN'} {found} USING (id) GROUP BY id",
            [list(files)],
        )


def _files(inputs: Inputs, stage: str, kind: str) -> list[str]:
    found: Mapping[str, Any] = inputs.sidecars[stage]
    return [
        _plainly(inputs.lake.root / stage / sidecar.files[kind].name)
        for sidecar in found.values()
        if kind in sidecar.files
    ]


def _stages(inputs: Inputs, table: str) -> list[str]:
    """The stages whose rejects tell why a row is not in a table: all of the graph but those of the other table."""
    mine = table.rpartition("/")[2]
    others = {stage for name, stage in SOURCES.items() if name != mine}
    others |= {"instruction_dialogs"} if mine != "instruction" else set()
    return [stage for stage in inputs.sidecars if stage not in others]
