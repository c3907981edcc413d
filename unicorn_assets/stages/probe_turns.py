"""Which turns of which dialogs are probed, in which of the two ways, and the requests that they become."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from unicorn_assets.curation.comparison import Form, form_of
from unicorn_assets.curation.probes import FORMS
from unicorn_assets.engines.base import ProbeTask, Request
from unicorn_assets.identity import draw
from unicorn_assets.lake.layout import Lake
from unicorn_assets.lake.shards import read_rows
from unicorn_assets.recipe import Recipe
from unicorn_assets.synthesis import probing

COMPARED = ("multiple_choice", "question_answering")
"""The tasks whose answers can be compared; those of complex_reasoning are whole chains of reasoning."""


@dataclass(frozen=True)
class Turn:
    """A turn that is probed: its dialog, its place in it from 0, and what its right answer is."""

    id: str
    task: str
    place: int
    question: str
    expected: str
    options: tuple[str, ...]
    caption: str = ""

    @property
    def form(self) -> Form:
        """What kind of answer it has."""
        return form_of(self.question, self.expected, self.options)


@dataclass(frozen=True)
class Probe:
    """One way of asking.

    Args:
        task: what is asked, by the name of its stage.
        sees: whether it is given the caption.
        skipped: why a dialog without a turn to ask is left out, as a code and in words.
        forms: the forms of answers that it is asked of.
    """

    task: ProbeTask
    sees: bool
    skipped: tuple[str, str]
    forms: tuple[Form, ...]


SEEING = Probe("round_trip", True, ("long_answers", "chains of reasoning cannot be compared by rule"), FORMS)
BLIND = Probe(
    "blind_answers", False, ("open_questions", "no question with options, or with yes or no"), ("choice", "yes_no")
)


PROBES: Mapping[str, Probe] = {probe.task: probe for probe in (SEEING, BLIND)}
"""Both ways of asking, by the names of their stages."""


def drawn(sample: str, recipe: Recipe, task: ProbeTask) -> bool:
    """Whether a dialog is probed; depends on its id and the recipe's share alone."""
    return draw(sample, task) < recipe.probing.share


def chosen_turn(dialog: Mapping[str, Any], probe: Probe, caption: str) -> Turn | None:
    """The turn of a dialog that is asked, drawn by its id; None where it has none of the probe's forms."""
    if dialog["task"] not in COMPARED:
        return None
    found = [
        Turn(dialog["id"], dialog["task"], place, one["question"], one["answer"], tuple(one["options"] or ()), caption)
        for place, one in enumerate(dialog["turns"])
    ]
    able = [turn for turn in found if turn.form in probe.forms]
    return able[int(draw(dialog["id"], f"{probe.task} turn") * len(able))] if able else None


def probe_request(turn: Turn, task: ProbeTask, recipe: Recipe) -> Request:
    """The request that probes a turn; a forecast asks the very same."""
    return probing.request(task, turn.id, turn.question, turn.options, turn.caption, recipe.probing.sampling)


def probed_turns(lake: Lake, shard: str, recipe: Recipe, probe: Probe) -> Iterator[Turn]:
    """The turns of a shard's dialogs that are asked, by the order of their ids.

    Raises:
        LakeError: the dialogs or captions of the shard are missing or damaged.
    """
    for dialog, caption in dialogs(lake, shard, probe):
        if drawn(dialog["id"], recipe, probe.task) and (turn := chosen_turn(dialog, probe, caption)) is not None:
            yield turn


def dialogs(lake: Lake, shard: str, probe: Probe) -> Iterator[tuple[dict[str, Any], str]]:
    """Each dialog with its caption where the probe sees it; both sides are sorted by id."""
    dialogs = read_rows(lake.rows("instruction_dialogs", shard), ["id", "task", "turns"])
    if not probe.sees:
        yield from ((dialog, "") for dialog in dialogs)
        return
    captions = read_rows(lake.rows("curated_captions", shard), ["id", "caption"])
    caption = next(captions, None)
    for dialog in dialogs:
        while caption is not None and caption["id"] < dialog["id"]:
            caption = next(captions, None)
        if caption is not None and caption["id"] == dialog["id"]:
            yield dialog, caption["caption"]
