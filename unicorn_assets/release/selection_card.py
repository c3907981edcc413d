"""What the card says of the selection: how many candidates of each table stayed behind, and why."""

from collections.abc import Mapping

from unicorn_assets.release.manifest import Selected

HEADER = ["table", "candidates", "selected", "left out"]
WORDS = (
    "Every sample that its shard gave is a candidate. What concerns the whole corpus is decided over all of them; the\n"
    "candidates that were left out stand in the lake, with their reasons."
)


def figures(selection: Mapping[str, Selected]) -> list[list[str]]:
    """A row a table."""
    return [
        [
            f"`{table}`",
            f"{one.candidates:,}",
            f"{one.selected:,}",
            ", ".join(f"{reason} {rows:,}" for reason, rows in one.left.items()) or "0",
        ]
        for table, one in selection.items()
    ]
