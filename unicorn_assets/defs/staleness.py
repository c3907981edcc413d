"""Shows in the web UI which shards are stale and why: an observation at each asset, whenever that has changed.

Dagster's own staleness knows nothing of a recipe, and does not look at partitions.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import dagster as dg

from unicorn_assets import state
from unicorn_assets.home import Home
from unicorn_assets.lake.fingerprint import digest
from unicorn_assets.lake.layout import ALL
from unicorn_assets.stages.freshness import State

SHOWN_SHARDS = 100
TABLES = ("CREATE TABLE IF NOT EXISTS staleness (asset TEXT PRIMARY KEY, shown TEXT NOT NULL)",)


def report(instance: dg.DagsterInstance, home: Home, states: Iterable[State]) -> list[str]:
    """Records an observation at each asset whose shards stand otherwise than shown last. Returns their names.

    Raises:
        LakeError: HOME/state.sqlite cannot be used.
    """
    of_asset: dict[str, list[State]] = defaultdict(list)
    for one in states:
        of_asset[one.stage].append(one)
    told = []
    with state.opened(home.state, *TABLES) as connection:
        rows = connection.execute("SELECT asset, shown FROM staleness").fetchall()
        shown = {row["asset"]: row["shown"] for row in rows}
        for asset, found in of_asset.items():
            wrong = [one for one in found if one.condition != "fresh"]
            now = digest([[one.shard, one.condition, one.why] for one in wrong])
            if shown.get(asset, digest([])) == now:
                continue
            instance.report_runless_asset_event(_observation(asset, found, wrong))
            with state.transaction(connection):
                connection.execute("INSERT OR REPLACE INTO staleness VALUES (?, ?)", (asset, now))
            told.append(asset)
    return told


def _observation(asset: str, found: Sequence[State], wrong: Sequence[State]) -> dg.AssetObservation:
    counts = Counter(one.condition for one in found)
    metadata: dict[str, dg.MetadataValue | str | int] = {f"shards_{name}": count for name, count in counts.items()}
    if found[0].shard == ALL:
        metadata = {"condition": found[0].condition}
    if wrong:
        reasons = Counter((one.condition, one.why) for one in wrong)
        metadata["why"] = _table(
            ("condition", "why", "shards"), [(*reason, count) for reason, count in reasons.most_common(SHOWN_SHARDS)]
        )
        metadata["not_fresh"] = _table(
            ("shard", "condition", "why"), [(one.shard, one.condition, one.why) for one in wrong[:SHOWN_SHARDS]]
        )
    what = "All fresh." if not wrong else f"{len(wrong):,} of {len(found):,} not fresh: {wrong[0].why}"
    return dg.AssetObservation(asset_key=asset, description=what, metadata=metadata)


def _table(names: Sequence[str], rows: Sequence[Sequence[str | int]]) -> dg.MetadataValue:
    columns = [dg.TableColumn(name, "int" if name == "shards" else "string") for name in names]
    records = [dg.TableRecord(dict(zip(names, row, strict=True))) for row in rows]
    return dg.MetadataValue.table(records, dg.TableSchema(columns))
