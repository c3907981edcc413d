"""What must hold for a shard before anyone builds on it. Each check reads the drafts as they will be published."""

from typing import Any

import numpy as np
import pyarrow.parquet as pq

from unicorn_assets.lake.shards import read_rows
from unicorn_assets.lake.vectors import UNIT_TOLERANCE, iter_vectors
from unicorn_assets.stages.base import CheckSpec, Finding, Finished
from unicorn_assets.synthesis.seeds.rows import WITHDRAWN

IMAGE_TOKEN = "<image>"


def _rows_conserved(finished: Finished) -> Finding:
    made = finished.made
    rejected, left = sum(made.rejected.values()), sum(made.not_selected.values())
    figures = {"rows_in": made.rows_in, "rows_out": made.rows_out, "rejected": rejected, "not_selected": left}
    return Finding(made.rows_in == made.rows_out + rejected + left, figures)


def _schema(finished: Finished) -> Finding:
    found = pq.read_schema(finished.drafts.paths["rows"]).remove_metadata()
    wanted = finished.stage.written
    return Finding(found.equals(wanted), {} if found.equals(wanted) else {"found": str(found), "wanted": str(wanted)})


def _ids_unique(finished: Finished) -> Finding:
    """Rows are sorted, so ids are unique exactly where each is greater than the one before."""
    before, rows = "", 0
    for row in read_rows(finished.drafts.paths["rows"], ["id"]):
        if row["id"] <= before:
            return Finding(False, {"id": row["id"], "row": rows})
        before, rows = row["id"], rows + 1
    return Finding(rows == finished.made.rows_out, {"rows": rows})


ROWS_CONSERVED = CheckSpec(
    "rows_conserved",
    "Every row that came in went out, was rejected with a reason, or was not selected.",
    _rows_conserved,
)
SCHEMA = CheckSpec("schema", "The file has exactly the columns and types that it should have.", _schema)
ROWS = (
    ROWS_CONSERVED,
    SCHEMA,
    CheckSpec("ids_unique", "Rows are sorted by id and no id occurs twice.", _ids_unique),
)


def _once_a_table(finished: Finished) -> Finding:
    before, rows = ("", ""), 0
    for row in read_rows(finished.drafts.paths["rows"], ["id", "table"]):
        if (row["id"], row["table"]) <= before:
            return Finding(False, {"id": row["id"], "table": row["table"], "row": rows})
        before, rows = (row["id"], row["table"]), rows + 1
    return Finding(True, {"rows": rows})


ONCE_A_TABLE = CheckSpec(
    "once_a_table", "Rows are sorted by id and table, and none stands twice for the same candidate.", _once_a_table
)


def _sources_give_seeds(finished: Finished) -> Finding:
    sources: dict[str, Any] = finished.made.metrics["sources"]
    barren = [
        name for name, figures in sources.items() if not figures["rows_out"] and WITHDRAWN not in figures["rejected"]
    ]
    return Finding(not barren, {"sources_without_seeds": barren})


SOURCES_GIVE_SEEDS = CheckSpec(
    "sources_give_seeds",
    "Every source of the recipe gave at least one seed, but for what was withdrawn.",
    _sources_give_seeds,
    blocking=False,
    severity="WARN",
)


def _captions_present(finished: Finished) -> Finding:
    dialogs = (row["id"] for row in read_rows(finished.drafts.paths["rows"], ["id"]))
    captions = (row["id"] for row in finished.work.rows("curated_captions", ["id"]))
    current, missing = next(captions, None), []
    for sample in dialogs:
        while current is not None and current < sample:
            current = next(captions, None)
        if current != sample:
            missing.append(sample)
    return Finding(not missing, {"missing": len(missing), "first": missing[:5]})


CAPTIONS_PRESENT = CheckSpec(
    "captions_present", "Every dialog's caption is among the curated captions of its shard.", _captions_present
)


def _vectors(finished: Finished, *, unit: bool) -> Finding:
    rows = (row["id"] for row in read_rows(finished.drafts.paths["rows"], ["id"]))
    count, worst = 0, 0.0
    for ids, vectors in iter_vectors(finished.drafts.paths["vectors"]):
        if not np.isfinite(vectors).all():
            return Finding(False, {"not_finite_after_row": count})
        norms = np.linalg.norm(vectors.astype(np.float32), axis=1)
        worst = max(worst, float(np.abs(norms - 1).max(initial=0)))
        if any(sample != next(rows, None) for sample in ids):
            return Finding(False, {"id_order_differs_after_row": count})
        count += len(ids)
    whole = count == finished.made.rows_out and next(rows, None) is None
    figures = {"vectors": count, "worst_norm_error": round(worst, 6), "tolerance": UNIT_TOLERANCE}
    return Finding(whole and (not unit or worst <= UNIT_TOLERANCE), figures)


def _unit_vectors(finished: Finished) -> Finding:
    return _vectors(finished, unit=True)


def _image_vectors(finished: Finished) -> Finding:
    return _vectors(finished, unit=finished.work.recipe.alignment.renormalise)


UNIT_VECTORS = CheckSpec(
    "unit_vectors", "Every row has one finite vector of length 1, in the order of the rows.", _unit_vectors
)
IMAGE_VECTORS = CheckSpec(
    "image_vectors",
    "Every row has one finite vector, of length 1 where the recipe renormalises, in the order of the rows.",
    _image_vectors,
)


def _nothing_cut(finished: Finished) -> Finding:
    metrics = finished.made.metrics
    return Finding(metrics["rows_cut"] == 0, {"rows_cut": metrics["rows_cut"], "token_limit": metrics["token_limit"]})


NOTHING_CUT = CheckSpec(
    "nothing_cut",
    "No caption is longer than the encoder's token limit; what is longer is embedded by its beginning alone.",
    _nothing_cut,
    blocking=False,
    severity="WARN",
)


def _one_image_token(finished: Finished) -> Finding:
    for row in read_rows(finished.drafts.paths["rows"], ["id", "conversations"]):
        turns = row["conversations"]
        speakers = [turn["from"] for turn in turns]
        first = turns[0]["value"].count(IMAGE_TOKEN) if turns else 0
        later = sum(turn["value"].count(IMAGE_TOKEN) for turn in turns[1:])
        if first != 1 or later or speakers != ["human", "gpt"] * (len(turns) // 2):
            return Finding(False, {"id": row["id"], "in_first_turn": first, "in_later_turns": later})
    return Finding(True, {"rows": finished.made.rows_out})


ONE_IMAGE_TOKEN = CheckSpec(
    "one_image_token",
    "Human and gpt take turns, and <image> stands once, in the first human turn.",
    _one_image_token,
)
