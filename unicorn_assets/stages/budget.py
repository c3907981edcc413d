"""What was spent in a HOME against the budget in its settings, in figures and in words."""

from dataclasses import dataclass

from unicorn_assets import ledger
from unicorn_assets.errors import BudgetError
from unicorn_assets.home import Home
from unicorn_assets.ledger import Amount, Figures, Limits
from unicorn_assets.settings import FILE, Settings
from unicorn_assets.stages.accounting import HOUR
from unicorn_assets.stages.books import limits
from unicorn_assets.stages.settling import price, settle
from unicorn_assets.stages.tools import Tools

_CURE = (
    f"raise or remove what is used up under [budget] in {FILE} of HOME and run again: finished answers are kept and "
    "not asked for twice."
)


@dataclass(frozen=True)
class Standing:
    """What was spent in a HOME, and the budget.

    Args:
        spent: all of it.
        limits: the budget.
        has_room: whether the budget has room for what is asked next.
        currency: of the money.
    """

    spent: Figures
    limits: Limits
    has_room: bool
    currency: str

    @property
    def lines(self) -> list[str]:
        """In words, a line for what was spent and one for the budget."""
        used = self.spent
        parts = [f"{used.prompt_tokens:,} tokens read and {used.completion_tokens:,} written"]
        if used.money is not None:
            parts.append(f"{used.money:,.2f} {self.currency}")
        parts.append(f"{used.seconds / HOUR:,.2g} hours")
        cut = f"; of these {used.lost:,} requests that kills cut off, at the mean" if used.lost else ""
        lines = [f"Spent in this HOME: {', '.join(parts)} ({used.answers:,} answers{cut})"]
        if self.limits:
            full = "" if self.has_room else " It is used up: nothing more is asked until it is raised."
            lines.append(f"Budget: {', '.join(self.shares)}.{full}")
        return lines

    @property
    def shares(self) -> list[str]:
        """Of each limit what is spent."""
        used, found = self.spent, self.limits
        tokens, hours = used.prompt_tokens + used.completion_tokens, used.seconds / HOUR
        parts = []
        if found.tokens is not None:
            parts.append(f"{tokens:,} of {found.tokens:,} tokens{_share(tokens, found.tokens)}")
        if found.money is not None:
            money = used.money or 0.0
            parts.append(f"{money:,.4g} of {found.money:,.4g} {self.currency}{_share(money, found.money)}")
        if found.hours is not None:
            parts.append(f"{hours:,.4g} of {found.hours:,.4g} hours{_share(hours, found.hours)}")
        return parts


def _share(part: float, whole: float) -> str:
    return f" ({part / whole:.0%})" if whole else ""


def standing(home: Home, settings: Settings) -> Standing:
    """What was spent in a HOME, and the budget. Of askings that go on, as of a second ago.

    Raises:
        LakeError: HOME/state.sqlite cannot be used.
        BusyError: somebody else has been writing to it for too long.
    """
    found = limits(settings)
    if not home.state.is_file():
        return Standing(Figures(), found, found.tokens != 0 and found.hours != 0, settings.prices.currency)
    settle(home, settings.prices)
    with ledger.opened(home.state) as books:
        price(books, settings.prices)
        return Standing(books.spent(), found, books.has_room(found), settings.prices.currency)


def used_up(tools: Tools) -> str:
    """That the budget is used up, in words; empty where it is not, or no engine costs anything."""
    if tools.recipe.is_free or not limits(tools.settings):
        return ""
    found = standing(tools.home, tools.settings)
    return "" if found.has_room else f"The budget is used up: {', '.join(found.shares)}."


def check(home: Home, settings: Settings) -> None:
    """Sees that the budget is not used up, before something is asked that no store keeps.

    Raises:
        BudgetError: it is.
    """
    found = standing(home, settings)
    if not found.has_room:
        raise BudgetError(f"The budget is used up: {', '.join(found.shares)} spent in this HOME.", _CURE)


def exceeded(tools: Tools, need: Amount, where: str, done: str) -> BudgetError:
    """The error of an asking that the budget stopped: the most that the next request can take, and how far it came."""
    found = standing(tools.home, tools.settings)
    most = f"{need.tokens:,} tokens" + (f" or {need.money:,.2g} {found.currency}" if need.money else "")
    return BudgetError(
        f"The budget has no room for another request: {', '.join(found.shares)} spent in this HOME, and the next one "
        f"can take {most}. {where} {done}.",
        _CURE,
    )
