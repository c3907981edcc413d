"""An alert: one thing that people should hear of, with all that a message says about it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from unicorn_assets.lake.sidecar import Severity

Kind = Literal["check_failed", "run_failed", "gave_up", "budget_reached", "resolved"]

MOST_FIGURES = 20
LONGEST_FIGURE = 300
LONGEST_TEXT = 1000


@dataclass(frozen=True)
class Alert:
    """One thing that people should hear of, once.

    Args:
        id: names what happened; the same id is never recorded twice. The caller chooses it.
        kind: what happened.
        severity: ERROR or WARN; of a `resolved`, that of the failure that is over.
        asset: the asset concerned; empty where a run failed outside of any step, which concerns every route.
        what: what happened, in a sentence.
        when: when it happened, in seconds since 1970.
        shard: the shard concerned, empty if there is none.
        check: the check concerned, empty if there is none.
        figures: what was found, and the limits that it was held against.
        run_id: the run to look at, empty if there is none.
    """

    id: str
    kind: Kind
    severity: Severity
    asset: str
    what: str
    when: float
    shard: str = ""
    check: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)
    run_id: str = ""

    @property
    def subject(self) -> str:
        """What it is about. Alerts about one subject arrive in their order."""
        if self.kind in ("check_failed", "resolved"):
            return json.dumps(["check", self.asset, self.shard, self.check])
        return json.dumps([self.kind, self.asset, self.shard, self.run_id])

    def dump(self) -> str:
        """The alert as JSON, cut to a length that every endpoint takes."""
        figures = {name[:LONGEST_TEXT]: short(value) for name, value in list(self.figures.items())[:MOST_FIGURES]}
        table = asdict(self) | {"what": cut(self.what, LONGEST_TEXT), "figures": figures}
        return json.dumps(table, ensure_ascii=False)


def load(text: str) -> Alert:
    """The alert that `dump` wrote."""
    return Alert(**json.loads(text))


def short(value: Any) -> Any:
    """A figure as JSON takes it: a number as it is, anything else in words, cut."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if abs(value) < float("inf") else str(value)  # JSON has no infinity, and nothing equals NaN
    words = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return cut(words, LONGEST_FIGURE)


def cut(text: str, length: int) -> str:
    """`text`, not longer than `length`, in characters that every encoding takes."""
    text = text.encode(errors="replace").decode()
    return text if len(text) <= length else text[: length - 1] + "…"
