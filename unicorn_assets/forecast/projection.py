"""From the profile's rows to all that is left: tokens and seconds by stage, each with a range. Pure.

The range is from the 5th to the 95th percentile of a bootstrap (Efron 1979): the profile's rows are drawn anew with
replacement, and so are the stretches of its time; the scatter of the rows to come is added. Shards that stand count
with their own figures beside the profile's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from unicorn_assets.forecast.pace import Pace

DRAWS = 400
Numbers = npt.NDArray[np.float64]
Asked = tuple[int, int, int]
"""A number of answers, tokens read for them and tokens written."""


@dataclass(frozen=True)
class Row:
    """What became of one row of the profile.

    Args:
        prompt: tokens read for its caption.
        completion: tokens written.
        kept: whether the caption was good enough to be kept.
        dialog: tokens read and written for its dialog; None where it got none.
    """

    prompt: int
    completion: int
    kept: bool
    dialog: tuple[int, int] | None = None


@dataclass(frozen=True)
class Standing:
    """The same of the shards that stand, summed up: rows asked for, their tokens; seeds, and captions kept of them.

    The rates are answers a second, by shard.
    """

    captions: int = 0
    caption_tokens: tuple[int, int] = (0, 0)
    dialogs: int = 0
    dialog_tokens: tuple[int, int] = (0, 0)
    seeds: int = 0
    kept: int = 0
    caption_rates: tuple[float, ...] = ()
    dialog_rates: tuple[float, ...] = ()


@dataclass(frozen=True)
class Left:
    """What a shard still has to ask.

    Args:
        calibration: captions that the fit of the transfer asks for.
        captions: all others.
        dialogs: dialogs of captions that are known.
        drawn: rows that get a dialog if their caption, not known yet, is kept.
    """

    calibration: int = 0
    captions: int = 0
    dialogs: int = 0
    drawn: int = 0


@dataclass(frozen=True)
class Range:
    """A figure with the range that holds it in nine of ten cases."""

    value: float
    low: float
    high: float

    def plain(self) -> dict[str, float]:
        """As JSON has it."""
        return {"value": round(self.value, 3), "low": round(self.low, 3), "high": round(self.high, 3)}

    def __add__(self, constant: float) -> "Range":
        return Range(self.value + constant, self.low + constant, self.high + constant)


@dataclass(frozen=True)
class Part:
    """What one stage's asking takes."""

    answers: Range
    prompt: Range
    completion: Range
    tokens: Range
    seconds: Range
    draws: dict[str, Numbers] = field(default_factory=dict, repr=False, compare=False)


def project(
    rows: Sequence[Row], standing: Standing, left: Sequence[Left], captions: Pace | None, dialogs: Pace | None
) -> dict[str, Part]:
    """What the three asking stages take: `modality_alignment`, `expanded_captions`, `instruction_dialogs`.

    Args:
        rows: the profile.
        standing: what stands.
        left: what is left, by shard.
        captions: the pace of Stage 1; None where nothing of it is left.
        dialogs: the pace of Stage 2; that of Stage 1 is taken where no dialog was profiled.
    """
    draw = np.random.default_rng(0)
    count = len(rows)
    chosen = draw.integers(0, max(count, 1), size=(DRAWS + 1, count))
    chosen[0] = np.arange(count)  # the first one is the profile itself: the value
    tokens = np.array([[row.prompt, row.completion] for row in rows], dtype=float).reshape(count, 2)
    talked = np.array([row.dialog or (0, 0) for row in rows], dtype=float).reshape(count, 2)
    has = np.array([row.dialog is not None for row in rows], dtype=float)
    kept = np.array([row.kept for row in rows], dtype=float)
    share = _pooled(kept[chosen].sum(axis=1), count, standing.kept, standing.seeds)
    needed = [(one.calibration, one.captions) for one in left]
    calibration, expected = sum(a for a, _ in needed), sum(b for _, b in needed)
    sure, drawn = sum(one.dialogs for one in left), sum(one.drawn for one in left)
    asked = np.full(DRAWS + 1, count)
    mean = _means(tokens[chosen].sum(axis=1), asked, standing.caption_tokens, standing.captions)
    with_dialog = has[chosen].sum(axis=1)
    dialog = _means(talked[chosen].sum(axis=1), with_dialog, standing.dialog_tokens, standing.dialogs)
    scatter, dialog_scatter = tokens.std(axis=0) if count else np.zeros(2), _scatter(talked, has)
    paced = captions or dialogs
    later = dialogs or captions
    number = sure + drawn * share + _noise(draw, np.sqrt(drawn * share * (1 - share)))
    return {
        "modality_alignment": _part(
            draw, np.full(DRAWS + 1, float(calibration)), mean, scatter, paced, [one.calibration for one in left]
        ),
        "expanded_captions": _part(
            draw, np.full(DRAWS + 1, float(expected)), mean, scatter, paced, [one.captions for one in left]
        ),
        "instruction_dialogs": _part(
            draw,
            number,
            dialog,
            dialog_scatter,
            later,
            [round(one.dialogs + one.drawn * float(share[0])) for one in left],
        ),
    }


def project_probes(asked: Sequence[tuple[int, int]], standing: Asked, left: Sequence[float], pace: Pace | None) -> Part:
    """What one way of probing dialogs takes.

    Args:
        asked: tokens read and written for each answer of the profile.
        standing: answers of the shards that stand, and their tokens.
        left: answers that are left, by shard; as they are expected where dialogs are not known yet.
        pace: of its answers; None where it could not be measured.
    """
    draw = np.random.default_rng(1)
    tokens = np.array(asked, dtype=float).reshape(len(asked), 2)
    chosen = draw.integers(0, max(len(asked), 1), size=(DRAWS + 1, len(asked)))
    chosen[0] = np.arange(len(asked))
    mean = _means(tokens[chosen].sum(axis=1), np.full(DRAWS + 1, len(asked)), standing[1:], standing[0])
    scatter = tokens.std(axis=0) if asked else np.zeros(2)
    number = np.full(DRAWS + 1, float(sum(left)))
    number = number + _noise(draw, np.sqrt(number))  # which dialogs there will be is a draw, too
    return _part(draw, number, mean, scatter, pace, [round(one) for one in left])


def _pooled(found: Numbers, count: int, more: int, whole: int) -> Numbers:
    return (found + more) / max(1, count + whole)


def _means(sums: Numbers, counts: Any, more: tuple[int, int], number: int) -> Numbers:
    """Mean tokens read and written, over the profile and what stands; 0 where neither has any."""
    whole = np.maximum(np.asarray(counts, dtype=float) + number, 1.0)
    return np.asarray((sums + np.asarray(more, dtype=float)) / whole[:, None])


def _scatter(talked: Numbers, has: Numbers) -> Numbers:
    some = talked[has > 0]
    return some.std(axis=0) if len(some) else np.zeros(2)


def _noise(draw: np.random.Generator, spread: Numbers) -> Numbers:
    """Scatter of what is to come; none for the value itself."""
    noise = draw.standard_normal(spread.shape) * spread
    noise[0] = 0
    return np.asarray(noise)


def _part(
    draw: np.random.Generator,
    number: Numbers,
    mean: Numbers,
    scatter: Numbers,
    pace: Pace | None,
    shards: Sequence[int],
) -> Part:
    number = np.maximum(number, 0.0)
    prompt, completion = (
        np.maximum(number * mean[:, column] + _noise(draw, np.sqrt(number) * scatter[column]), 0.0) for column in (0, 1)
    )
    seconds = np.zeros(DRAWS + 1)
    if pace is not None:
        whole = sum(pace.seconds(rows) for rows in shards)
        rates = np.asarray(pace.rates)
        drawn = (1 / rates)[draw.integers(0, len(rates), size=(DRAWS + 1, len(rates)))].mean(axis=1)
        seconds = whole * np.where(np.arange(DRAWS + 1) == 0, 1.0, drawn / (1 / rates).mean())
        seconds = seconds * (number / number[0] if number[0] else 1.0)
    draws = {"answers": number, "prompt": prompt, "completion": completion, "tokens": prompt + completion}
    draws["seconds"] = seconds
    return Part(**{name: ranged(values) for name, values in draws.items()}, draws=draws)


def ranged(values: Numbers) -> Range:
    """The value, which is the first of the draws, and the range of the others."""
    low, high = np.percentile(values[1:], [5, 95])
    return Range(float(values[0]), min(float(low), float(values[0])), max(float(high), float(values[0])))
