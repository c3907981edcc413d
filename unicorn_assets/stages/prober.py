"""Who probes what was written: its part of a fingerprint, and the checks that all its stages share."""

from collections.abc import Callable
from typing import Any

from unicorn_assets.curation.proportions import exceeds
from unicorn_assets.engines import model_of
from unicorn_assets.stages.base import CheckSpec, Finding, Finished
from unicorn_assets.stages.tools import Tools, prober_of


def prober_fields(tools: Tools) -> dict[str, Any]:
    """What decides the answers of a probe beside its prompt: the share, who answers, and how answers are drawn."""
    chosen, model = tools.recipe.probing, model_of(prober_of(tools.recipe))
    return {
        "share": chosen.share,
        "engine": {"kind": model.engine, "model": model.name, "revision": model.revision},
        "sampling": chosen.sampling.model_dump(),
    }


def warning(name: str, description: str, look: Callable[[Finished], Finding]) -> CheckSpec:
    """A check that stops nothing."""
    return CheckSpec(name, description, look, blocking=False, severity="WARN")


def answers_readable(count: Callable[[Finished], tuple[int, int]]) -> CheckSpec:
    """The check that answers can be read.

    Args:
        count: tells how many could not be read, of how many.
    """

    def look(finished: Finished) -> Finding:
        (unreadable, asked), most = count(finished), finished.work.recipe.probing.max_unreadable
        figures = {"unreadable": unreadable, "asked": asked, "max_unreadable": most}
        return Finding(not exceeds(unreadable, asked, most), figures)

    return warning(
        "answers_readable",
        "No larger share of the answers than the recipe's `max_unreadable` was refused or could not be read.",
        look,
    )


def _another_model(finished: Finished) -> Finding:
    writer, prober = finished.work.recipe.engine.model, prober_of(finished.work.recipe).model
    return Finding(writer.casefold() != prober.casefold(), {"writer": writer, "answers": prober})


ANOTHER_MODEL_ANSWERS = warning(
    "another_model_answers",
    "The model that answers is another than the writer's, which would mark its own work.",
    _another_model,
)
