"""What a stage's answers cost: tokens, time on devices, and money by the settings' prices."""

from dataclasses import dataclass
from typing import Any

from unicorn_assets.engines.base import Answer, Request
from unicorn_assets.settings import Prices

HOUR = 3600.0
MILLION = 1_000_000


@dataclass(frozen=True)
class Usage:
    """What was used.

    Args:
        prompt_tokens: tokens read.
        completion_tokens: tokens written.
        device_seconds: seconds of our own devices, summed over devices.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    device_seconds: float = 0.0

    def money(self, prices: Prices) -> float:
        """What it cost, in the prices' currency."""
        tokens = self.prompt_tokens * prices.prompt_million + self.completion_tokens * prices.completion_million
        return tokens / MILLION + self.device_seconds / HOUR * prices.device_hour

    def times(self, factor: float) -> "Usage":
        """So many times as much."""
        return Usage(
            round(self.prompt_tokens * factor), round(self.completion_tokens * factor), self.device_seconds * factor
        )


class Wasted:
    """What was spent on answers that were no use, by task and reason."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, int]] = {}

    def add(self, request: Request, reason: str, answer: Answer) -> None:
        """Counts the answer to a request that is set aside for that reason."""
        one = self._found.setdefault(
            f"{request.task}/{reason}", {"rows": 0, "prompt_tokens": 0, "completion_tokens": 0}
        )
        one["rows"] += 1
        one["prompt_tokens"] += answer.prompt_tokens
        one["completion_tokens"] += answer.completion_tokens

    def metrics(self) -> dict[str, Any]:
        """As the sidecar holds it; nothing where nothing was set aside."""
        return {"spent_on_rejects": dict(sorted(self._found.items()))} if self._found else {}


def tariff(prices: Prices) -> dict[str, Any]:
    """The prices as the sidecar holds them, so that answers bought before count by them too; nothing without any."""
    found = prices.model_dump(include={"currency", "prompt_million", "completion_million", "device_hour"})
    return {"prices": found} if any(price for name, price in found.items() if name != "currency") else {}


def bill(usage: Usage, prices: Prices, rows: int) -> dict[str, Any]:
    """The money for a stage's rows as its sidecar holds it; nothing where nothing has a price.

    Args:
        usage: what the stage used.
        prices: the settings' prices.
        rows: rows that came of it.
    """
    money = usage.money(prices)
    if not money:
        return {}
    shown: dict[str, Any] = {"currency": prices.currency, "money": round(money, 6)}
    if rows:
        shown["money_per_row"] = round(money / rows, 8)
    return {"cost": shown}
