"""What the card says of the selection: how many candidates stayed behind and why, and how the wanted mix was met."""

from collections.abc import Mapping

from unicorn_assets.release.manifest import MixPart, Selected

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


MIX_HEADER = ["part of the mix", "wanted", "before", "after", "candidates", "selected", "missing"]
MIX_WORDS = (
    "The recipe wants these shares of both tables together. Before: among the candidates that nothing else kept out;\n"
    "after: among what goes out. A sample counts for the first part that it fits; what fits none is left out unless\n"
    "the shares leave room for it. Which of a part stay is drawn by hash."
)


def mix(parts: Mapping[str, MixPart]) -> list[list[str]]:
    """A row a part."""
    return [
        [
            part,
            *(f"{share:.1%}" for share in (one.wanted, one.before, one.after)),
            *(f"{rows:,}" for rows in (one.candidates, one.selected, one.missing)),
        ]
        for part, one in parts.items()
    ]
