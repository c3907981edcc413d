"""What a forecast says: its figures by stage and in all, for people and as JSON."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from unicorn_assets.forecast.lanes import Lanes
from unicorn_assets.forecast.projection import Range
from unicorn_assets.stages.accounting import HOUR
from unicorn_assets.stages.budget import Standing

NOTHING = Range(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Line:
    """What is left of one stage: shards to be made, answers, tokens and seconds."""

    stage: str
    shards: int
    answers: Range = NOTHING
    prompt: Range = NOTHING
    completion: Range = NOTHING
    tokens: Range = NOTHING
    seconds: Range = NOTHING


@dataclass(frozen=True)
class Forecast:
    """What a recipe takes.

    Args:
        spent: what was spent in the HOME so far, the profile included, and the budget.
        profiled: rows of the profile.
        asked: answers that the profile asked for.
        shards: shards that are not fresh, and all shards.
        lines: what is left, by stage.
        tokens: all tokens left, read and written.
        seconds: all seconds left, one shard after the other as `unicorn run` works.
        device_hours: hours of our own devices in that.
        money: what the tokens and devices left cost; None where nothing has a price.
        currency: of the money.
        notes: what one should know beside the figures.
        lanes: what can be at work at the same time outside of `unicorn run`; None where that is one shard alone.
        side_by_side: all seconds left on these lanes.
    """

    spent: Standing
    profiled: int
    asked: int
    shards: tuple[int, int]
    lines: tuple[Line, ...]
    tokens: Range
    seconds: Range
    device_hours: Range
    money: Range | None
    currency: str
    notes: tuple[str, ...]
    lanes: Lanes | None = None
    side_by_side: Range = NOTHING

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        used = self.spent.spent
        told: dict[str, Any] = {
            "profiled_rows": self.profiled,
            "profile_asked": self.asked,
            "shards_left": self.shards[0],
            "shards": self.shards[1],
            "spent": {
                "prompt_tokens": used.prompt_tokens,
                "completion_tokens": used.completion_tokens,
                "hours": round(used.seconds / HOUR, 4),
                "money": used.money,
            },
            "left": {
                "tokens": self.tokens.plain(),
                "seconds": self.seconds.plain(),
                "device_hours": self.device_hours.plain(),
                "money": self.money.plain() if self.money is not None else None,
                "finish": finished(self.seconds)[0].isoformat(timespec="seconds"),
            },
            "stages": {
                line.stage: {
                    "shards": line.shards,
                    **{name: getattr(line, name).plain() for name in ("answers", "prompt", "completion", "seconds")},
                }
                for line in self.lines
            },
            "currency": self.currency,
            "notes": list(self.notes),
        }
        if self.lanes is not None:
            taken = self.side_by_side
            finish = finished(taken)[0].isoformat(timespec="seconds")
            told["left"]["lanes"] = {**self.lanes.plain(), "seconds": taken.plain(), "finish": finish}
        return told


def finished(taken: Range, now: datetime | None = None) -> tuple[datetime, datetime, datetime]:
    """When what takes so many seconds is done if it begins now: as forecast, at the earliest, at the latest."""
    began = now or datetime.now(UTC)
    value, low, high = (began + timedelta(seconds=seconds) for seconds in (taken.value, taken.low, taken.high))
    return value, low, high
