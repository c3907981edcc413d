"""The rows of the comparison by name: how each is called, and which part of the table it belongs to. Loads no torch."""

from collections.abc import Mapping
from dataclasses import dataclass

GROUPS = {
    "frame": "The frame",
    "method": "Methods without pairs",
    "other mix": "A reference with another mix of scenes",
    "far": "A far gap: images turned, so that a shift explains about as little of the gap as for LLM2CLIP",
    "ablation": "Ablations, all carried over by `matched`",
}
"""Headings of the groups of rows, in their order."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Args:
        title: for the table.
        group: one of GROUPS.
        version: bumped by hand when this row alone would come out otherwise, as that of its method.
    """

    title: str
    group: str
    version: int = 1


_MATCHED = 3
"""Version of the rows that `matched` carries over."""


ROWS: Mapping[str, Row] = {
    "blind": Row("blind: no image", "frame"),
    "none": Row("no alignment", "frame"),
    "mean_shift": Row("`mean_shift` (Unicorn)", "method"),
    "c3": Row("`c3`", "method"),
    "realign": Row("`realign` (ReAlign)", "method"),
    "aniso": Row("`aniso` (what is published of AnisoAlign)", "method"),
    "matched": Row("`matched` (ours): the release", "method", _MATCHED),
    "paired": Row("a map fitted on pairs", "frame"),
    "text_on_text": Row("text on text: no gap", "frame"),
    "images": Row("trained on images: the ceiling", "frame"),
    "realign_other": Row("`realign`, reference of another mix", "other mix"),
    "matched_other": Row("`matched`, reference of another mix", "other mix", _MATCHED),
    "far_none": Row("no alignment", "far"),
    "far_mean_shift": Row("`mean_shift`", "far"),
    "far_realign": Row("`realign`", "far"),
    "far_matched": Row("`matched`", "far", _MATCHED),
    "far_paired": Row("a map fitted on pairs", "far"),
    "raw_seeds": Row("raw seeds instead of expanded captions", "ablation", _MATCHED),
    "instruction_0": Row("no instruction data", "ablation", _MATCHED),
    "instruction_25": Row("25% of the instruction data", "ablation", _MATCHED),
    "instruction_50": Row("50% of the instruction data", "ablation", _MATCHED),
}
"""Every row, in the table's order; what each teaches stands in `lessons`."""
