"""`unicorn costs`: what a kept caption and a kept dialog cost, by stage, by filter and by prompt."""

import json
from typing import Any

import click
import duckdb
from rich.console import Console
from rich.table import Table

from unicorn_assets import settings
from unicorn_assets.errors import LakeError
from unicorn_assets.home import Home
from unicorn_assets.lake.cost_views import PROBES
from unicorn_assets.stages.budget import standing

KEPT = """
SELECT coalesce(sum(answers) FILTER (asked_by = 'expanded_captions' AND outcome = 'kept'), 0) AS captions,
    coalesce(sum(answers) FILTER (asked_by = 'instruction_dialogs' AND outcome = 'kept'), 0) AS dialogs,
    any_value(currency) AS currency
FROM answer_costs
"""
_FIGURES = """CAST(sum(answers) AS BIGINT) AS answers,
    CAST(sum(answers) FILTER (outcome = 'kept') AS BIGINT) AS kept,
    CAST(sum(prompt_tokens + completion_tokens) AS BIGINT) AS tokens, sum(money) AS money"""
BY_STAGE = f"SELECT asked_by AS stage, {_FIGURES} FROM answer_costs GROUP BY ALL ORDER BY asked_by"
BY_FILTER = f"""
SELECT asked_by AS stage, coalesce(fell_at, 'kept') AS ended, coalesce(reason, '') AS reason, {_FIGURES}
FROM answer_costs GROUP BY ALL ORDER BY stage, ended, tokens DESC
"""
BY_PROMPT = f"""
SELECT asked_by AS stage, task, prompt_version AS prompt, {_FIGURES}
FROM answer_costs GROUP BY ALL ORDER BY asked_by, task, prompt_version
"""
STAGES = dict.fromkeys(PROBES, "dialogs") | {
    "expanded_captions": "captions",
    "instruction_dialogs": "dialogs",
    "judged_captions": "captions",
}
"""What the answers of a stage are a cost of."""


def costs(home: Home, *, as_json: bool) -> None:
    """Prints the costs of what stands in the lake, and what was spent in the HOME.

    Raises:
        LakeError: there is nothing yet that was asked for.
    """
    if not home.lake.root.is_dir():
        raise LakeError(f"HOME {home.path} holds no lake yet.", "run `unicorn run` first.")
    with home.catalog.snapshot() as connection:
        try:
            found = {
                name: _rows(connection, query)
                for name, query in (("stages", BY_STAGE), ("filters", BY_FILTER), ("prompts", BY_PROMPT))
            }
            (kept,) = _rows(connection, KEPT)
        except duckdb.CatalogException:
            raise LakeError(
                f"HOME {home.path} has no shard yet whose captions and dialogs are made.", "run `unicorn run` first."
            ) from None
    for rows in found.values():
        for row in rows:
            whole = kept[STAGES[row["stage"]]]
            row["tokens_per_kept"] = row["tokens"] / whole if whole else None
            row["money_per_kept"] = row["money"] / whole if whole and kept["currency"] else None
    if as_json:
        click.echo(json.dumps({"kept": kept} | found, indent=1))
        return
    _show(home, kept, found)


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    answer = connection.execute(query)
    names = [column[0] for column in answer.description or ()]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def _show(home: Home, kept: dict[str, Any], found: dict[str, list[dict[str, Any]]]) -> None:
    console = Console(highlight=False)
    for line in standing(home, settings.load(home.path)).lines:
        console.print(line, markup=False, soft_wrap=True)
    console.print(f"In the lake: {kept['captions']:,} captions and {kept['dialogs']:,} dialogs are kept.")
    for title, rows in found.items():
        console.print(f"\nBy {title.removesuffix('s')}:")
        console.print(_table(rows, kept["currency"]))
    console.print(
        "\nPer kept: shared out over the captions, or the dialogs, that are kept. A dialog needs its caption too.",
        soft_wrap=True,
    )
    if not kept["currency"]:
        console.print("For money, put prices into the [prices] section of settings.toml in HOME and make shards.")


def _table(rows: list[dict[str, Any]], currency: str | None) -> Table:
    names = [name for name in rows[0] if name in ("stage", "ended", "reason", "task", "prompt")] if rows else []
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in names:
        table.add_column(name, no_wrap=True)
    for name in ("answers", "kept", "tokens", "per kept", *((currency, "per kept") if currency else ())):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        cells = [str(row[name]) for name in names]
        cells += [f"{row['answers']:,}", f"{row['kept'] or 0:,}", f"{row['tokens']:,}", _per(row["tokens_per_kept"], 1)]
        if currency:
            cells += [f"{row['money']:,.4f}", _per(row["money_per_kept"], 6)]
        table.add_row(*cells)
    return table


def _per(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:,.{decimals}f}"
