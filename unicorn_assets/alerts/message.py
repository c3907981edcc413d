"""What a group of alerts says, for people and for programs. The same group always gives the same message."""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from unicorn_assets.alerts.alert import Alert, Kind, cut
from unicorn_assets.alerts.groups import Group

FORMAT = 1
"""Version of the JSON message."""

LINES_IN_CHAT = 20
LONGEST_CHAT = 12_000
"""Chat services cut or refuse longer texts."""

_LIMITS = ("limit", "tolerance", "settled_at", "threshold", "minimum", "maximum", "wanted", "required")
_COUNTED: dict[Kind, tuple[str, str]] = {
    "check_failed": ("check failed", "checks failed"),
    "run_failed": ("run failed", "runs failed"),
    "gave_up": ("shard given up", "shards given up"),
    "budget_reached": ("budget reached", "budgets reached"),
    "resolved": ("check resolved", "checks resolved"),
}


def summary(group: Group) -> str:
    """One line: the severity, and what happened how often."""
    counts = Counter(alert.kind for alert in group.alerts)
    parts = [f"{counts[kind]:,} {names[counts[kind] > 1]}" for kind, names in _COUNTED.items() if counts[kind]]
    places = {(alert.asset, alert.shard) for alert in group.alerts}
    where = ""
    if len(places) == 1:
        where = f" on {place(group.alerts[0])}" if any(next(iter(places))) else ""
    elif len({alert.asset for alert in group.alerts}) == 1:
        where = f" on {group.alerts[0].asset}"
    return _one_line(f"{group.severity}: {', '.join(parts)}{where}")


def place(alert: Alert) -> str:
    """The asset and its shard."""
    return f"{alert.asset} [{alert.shard}]" if alert.shard else alert.asset


def line(alert: Alert, web_url: str) -> str:
    """What failed, on which shard, the figures against their limits, and the link to the run."""
    found = figures(alert)
    parts = [
        f"{place(alert)}:" if alert.asset or alert.shard else "",
        alert.what,
        f"Found: {found}." if found else "",
        link(alert, web_url),
    ]
    return _one_line(" ".join(part for part in parts if part))


def figures(alert: Alert) -> str:
    """The figures, those first that were found, then the limits that they were held against."""
    found = [f"{name} {_shown(value)}" for name, value in alert.figures.items() if not _is_limit(name)]
    limits = [f"{name} {_shown(value)}" for name, value in alert.figures.items() if _is_limit(name)]
    return "; ".join(part for part in (", ".join(found), ", ".join(limits)) if part)


def link(alert: Alert, web_url: str) -> str:
    """The address of the run in the web UI, empty if there is none."""
    return f"{web_url.rstrip('/')}/runs/{alert.run_id}" if alert.run_id else ""


def chat(group: Group, web_url: str) -> str:
    """The message for a chat: the summary, and as many lines as a person reads there."""
    lines = [summary(group), *(f"• {line(alert, web_url)}" for alert in group.alerts[:LINES_IN_CHAT])]
    more = len(group.alerts) - LINES_IN_CHAT
    if more > 0:
        lines.append(f"and {more:,} more: {', '.join(place(alert) for alert in group.alerts[LINES_IN_CHAT:])}")
    return cut("\n".join(lines), LONGEST_CHAT)


def letter(group: Group, web_url: str) -> str:
    """The message for e-mail: every alert with a line of its own."""
    lines = [summary(group), "", *(line(alert, web_url) for alert in group.alerts), "", f"Key: {group.key}"]
    return "\n".join(lines) + "\n"


def table(group: Group, web_url: str) -> dict[str, Any]:
    """The message for programs, as JSON takes it."""
    return {
        "format": FORMAT,
        "key": group.key,
        "route": group.route,
        "severity": group.severity,
        "summary": summary(group),
        "alerts": [
            {
                "id": alert.id,
                "kind": alert.kind,
                "severity": alert.severity,
                "asset": alert.asset,
                "shard": alert.shard,
                "check": alert.check,
                "what": alert.what,
                "figures": dict(alert.figures),
                "run_id": alert.run_id,
                "run_url": link(alert, web_url),
                "when": moment(alert.when).isoformat(timespec="milliseconds"),
            }
            for alert in group.alerts
        ],
    }


def json_text(content: dict[str, Any]) -> bytes:
    """JSON in UTF-8, readable as it is."""
    return json.dumps(content, ensure_ascii=False).encode()


def moment(when: float) -> datetime:
    """A time in UTC."""
    return datetime.fromtimestamp(when, UTC)


def _is_limit(name: str) -> bool:
    return name in _LIMITS or name.startswith(("min_", "max_")) or name.endswith("_limit")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _one_line(text: str) -> str:
    return " ".join(text.split())
