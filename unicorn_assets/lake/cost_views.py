"""The view `answer_costs`: what the answers in the lake cost, by who asked and where their rows ended.

A row ends kept, or thrown away by a filter of the stage that it fell out at, or left behind by the selection. All
answers of a shard count, whenever and by whichever run they were bought, at the prices in the settings when the shard
was made.
"""

from collections.abc import Collection
from contextlib import suppress

import duckdb

NEEDED = frozenset({"expanded_captions", "instruction_dialogs"})
PROBES = ("round_trip", "blind_answers", "judged_captions")
"""Stages that ask about dialogs and captions, where a recipe wants it."""

_OF_DIALOGS = "(stage LIKE '%dialog%' OR stage LIKE 'instruction%')"
"""Stages that throw dialogs away; all others throw away captions."""

_PROBED = """
    UNION ALL
    SELECT '{stage}', '{stage}', rows.shard, thrown.stage, thrown.reason, 1, rows.prompt_tokens, rows.completion_tokens
    FROM {stage} AS rows
    LEFT JOIN thrown ON thrown.id = rows.id AND thrown.dialog = {dialog}"""

_LEFT_BEHIND = """
    UNION ALL SELECT id, starts_with("table", 'instruction'), 'selection', reason FROM selection"""

ANSWER_COSTS = f"""
WITH rates AS (
    SELECT stage, shard, fields, metrics, metrics->>'$.prices.currency' AS currency,
        coalesce(CAST(metrics->>'$.prices.prompt_million' AS DOUBLE), 0) / 1e6 AS prompt_price,
        coalesce(CAST(metrics->>'$.prices.completion_million' AS DOUBLE), 0) / 1e6 AS completion_price,
        coalesce(CAST(metrics->>'$.device_seconds' AS DOUBLE) / nullif(CAST(metrics->>'$.requests' AS BIGINT), 0)
            * CAST(metrics->>'$.prices.device_hour' AS DOUBLE) / 3600, 0) AS device_price
    FROM materializations
    WHERE stage IN ('expanded_captions', 'instruction_dialogs', {", ".join(map(repr, PROBES))})
), gone AS (
    SELECT id, {_OF_DIALOGS} AS dialog, stage, reason FROM rejections
    WHERE shard <> 'all' AND stage NOT IN ('expanded_captions', 'instruction_dialogs', 'caption_seeds'){{selected}}
), thrown AS (
    SELECT id, dialog, min_by(stage, stage) AS stage, min_by(reason, stage) AS reason FROM gone GROUP BY ALL
), answers AS (
    SELECT 'expanded_captions' AS asked_by, 'expansion' AS task, rows.shard, thrown.stage AS fell_at, thrown.reason,
        1 AS rows, rows.prompt_tokens, rows.completion_tokens
    FROM expanded_captions AS rows
    LEFT JOIN thrown ON thrown.id = rows.id AND NOT thrown.dialog
    UNION ALL
    SELECT 'instruction_dialogs', rows.task, rows.shard, thrown.stage, thrown.reason, 1, rows.prompt_tokens,
        rows.completion_tokens
    FROM instruction_dialogs AS rows
    LEFT JOIN thrown ON thrown.id = rows.id AND thrown.dialog{{probed}}
    UNION ALL
    SELECT stage, split_part(name, '/', 1), shard, stage, split_part(name, '/', 2),
        CAST(found->>'$.rows' AS BIGINT), CAST(found->>'$.prompt_tokens' AS BIGINT),
        CAST(found->>'$.completion_tokens' AS BIGINT)
    FROM (
        SELECT stage, shard, name, json_extract(metrics, '$.spent_on_rejects."' || name || '"') AS found
        FROM (SELECT stage, shard, metrics, unnest(json_keys(metrics, '$.spent_on_rejects')) AS name FROM rates)
    )
)
SELECT asked_by, answers.shard, task,
    coalesce(json_extract_string(fields, '$.prompts.' || task), fields->>'$.prompt') AS prompt_version,
    CASE WHEN fell_at IS NULL THEN 'kept' ELSE 'rejected' END AS outcome, fell_at, reason,
    CAST(sum(rows) AS BIGINT) AS answers, CAST(sum(prompt_tokens) AS BIGINT) AS prompt_tokens,
    CAST(sum(completion_tokens) AS BIGINT) AS completion_tokens,
    sum(prompt_tokens * prompt_price + completion_tokens * completion_price + rows * device_price) AS money, currency
FROM answers JOIN rates ON rates.stage = asked_by AND rates.shard = answers.shard
GROUP BY ALL
"""


def create(connection: duckdb.DuckDBPyConnection, there: Collection[str], *, anew: bool) -> None:
    """Makes the view where the views that it stands on are there, and drops it where they are not.

    Args:
        connection: the catalog.
        there: names of the views that stand.
        anew: makes it again if it stands already.
    """
    if NEEDED.issubset(there) and not anew and "answer_costs" in there:
        return
    connection.execute("DROP VIEW IF EXISTS answer_costs")
    if NEEDED.issubset(there):
        query = ANSWER_COSTS.format(
            selected=_LEFT_BEHIND if "selection" in there else "",
            probed="".join(
                _PROBED.format(stage=stage, dialog=stage != "judged_captions") for stage in PROBES if stage in there
            ),
        )
        with suppress(duckdb.BinderException):  # rows of a program that kept no tokens with them
            connection.execute(f"CREATE VIEW answer_costs AS {query}")
