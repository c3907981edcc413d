"""What follows from near-duplicates for the candidates: decided anew among those that earlier rules leave."""

from typing import Any

import numpy as np
import pyarrow as pa

from unicorn_assets.curation import decisions
from unicorn_assets.curation.decisions import Leaving
from unicorn_assets.curation.duplicates.dialogs import repeated
from unicorn_assets.curation.duplicates.finding import HOW
from unicorn_assets.recipe import Recipe
from unicorn_assets.stages.base import Work
from unicorn_assets.stages.compared import CAPTIONS, QUESTIONS
from unicorn_assets.stages.duplicates import NEAR_DUPLICATES
from unicorn_assets.stages.twins import read_twins


def fields(recipe: Recipe) -> dict[str, Any]:
    """What decides beside the rows of `near_duplicates`."""
    chosen = recipe.duplicates
    return {"lost_questions": chosen.lost_questions} if chosen.questions and chosen.lost_questions < 1 else {}


def decide(work: Work, left: Leaving) -> pa.Table:
    """The decisions, as `decisions.SCHEMA`.

    A caption with a better twin that goes out leaves with its dialog; so does a dialog most of whose questions are
    asked by others that go out.

    Args:
        work: the selection.
        left: what leaves by earlier rules: a caption is there while its row of `pretrain` is, a question while its
            dialog is.

    Raises:
        LakeError: a file of `near_duplicates` is missing or damaged.
    """
    lost = _lost_captions(work, left)
    if work.recipe.duplicates.lost_questions >= 1:
        return lost
    return pa.concat_tables([lost, _lost_dialogs(work, (left, Leaving.of(lost)))])


def _lost_captions(work: Work, left: Leaving) -> pa.Table:
    twins = read_twins(work.lake, NEAR_DUPLICATES.name, CAPTIONS.name)
    losers = twins.losers(left.stays("pretrain", twins.ids))
    columns = (twins.ids[losers.lost], twins.ids[losers.twin], losers.similarity, losers.how)
    rows: list[dict[str, Any]] = [
        {
            "id": sample.decode(),
            "table": table,
            "reason": "near_duplicate",
            "detail": f"{HOW[how]} {similarity:.2f}",
            "evidence": twin.decode(),
        }
        for sample, twin, similarity, how in zip(*(column.tolist() for column in columns), strict=True)
        for table in ("pretrain", "instruction")
    ]
    return decisions.table_of(rows)


def _lost_dialogs(work: Work, left: tuple[Leaving, ...]) -> pa.Table:
    twins = read_twins(work.lake, NEAR_DUPLICATES.name, QUESTIONS.name)
    there = np.logical_and.reduce([one.stays("instruction", twins.ids) for one in left])
    samples, of = twins.ids[there], twins.of[there].astype(np.int64)
    starts = np.flatnonzero(np.append(True, samples[1:] != samples[:-1])[: len(samples)])  # a dialog's stand together
    bounds = np.append(starts, len(samples))
    most = work.recipe.duplicates.lost_questions
    found = repeated(bounds, of[starts], twins.nodes[there], twins.near_among(there), most)
    names = samples[starts].astype(str).tolist()
    return decisions.table_of(
        {
            "id": names[one.dialog],
            "table": "instruction",
            "reason": "asked_elsewhere",
            "detail": f"{one.asked} of {of[starts[one.dialog]]} questions are asked elsewhere",
            "evidence": names[one.by],
        }
        for one in found
    )
