"""What was spent in a HOME, over all processes and restarts, and what may still be. In HOME/state.sqlite.

Each asking has an entry. While it lasts, its process writes down now and then what was used, and how far the journals
of its stores are in the figures; so whoever finds the entry of a process that was killed can add the rest from there.
Under a budget a process holds what it may spend before it sends anything: what is spent and held by all of them never
exceeds the limits.
"""

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from unicorn_assets import state

TABLES = (
    """
    CREATE TABLE IF NOT EXISTS spending (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        stage TEXT NOT NULL,
        process TEXT,
        began REAL NOT NULL,
        answers INTEGER NOT NULL DEFAULT 0,
        prompt_tokens INTEGER NOT NULL DEFAULT 0,
        completion_tokens INTEGER NOT NULL DEFAULT 0,
        seconds REAL NOT NULL DEFAULT 0,
        device_seconds REAL NOT NULL DEFAULT 0,
        money REAL,
        lost INTEGER NOT NULL DEFAULT 0,
        in_flight INTEGER NOT NULL DEFAULT 0,
        held_tokens INTEGER NOT NULL DEFAULT 0,
        held_money REAL NOT NULL DEFAULT 0,
        journals TEXT NOT NULL DEFAULT '{}'
    )
    """,
    "CREATE INDEX IF NOT EXISTS spending_open ON spending (number) WHERE process IS NOT NULL",
    """
    CREATE TABLE IF NOT EXISTS budget_stop (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        tokens INTEGER NOT NULL,
        money REAL NOT NULL
    )
    """,
)

GRANT = 1024
"""Most requests that a process may hold room for beyond those in flight."""
SHARE = 4
"""It takes no more than this part of the room that is left, so that others find some."""
SLACK = 1e-9
"""Of a limit in money: what a sum of many small numbers may be off by."""


@dataclass(frozen=True)
class Amount:
    """Tokens and money, as they are held."""

    tokens: int = 0
    money: float = 0.0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.tokens + other.tokens, self.money + other.money)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.tokens - other.tokens, self.money - other.money)

    def times(self, count: int) -> "Amount":
        """So many times as much."""
        return Amount(self.tokens * count, self.money * count)

    def fits(self, other: "Amount") -> bool:
        """Whether it is no more than `other`."""
        return self.tokens <= other.tokens and self.money <= other.money + SLACK


@dataclass(frozen=True)
class Limits:
    """What may be spent; None where there is no limit."""

    tokens: int | None = None
    money: float | None = None
    hours: float | None = None

    def __bool__(self) -> bool:
        return any(limit is not None for limit in (self.tokens, self.money, self.hours))


@dataclass(frozen=True)
class Figures:
    """What was used.

    Args:
        answers: answers that came.
        prompt_tokens: tokens read.
        completion_tokens: tokens written.
        seconds: time spent asking, times the devices of a server of ours.
        device_seconds: the same of devices of ours alone; 0 where the server is somebody else's.
        money: what that cost; None where nothing had a price.
        lost: requests that a kill cut off, counted at the mean of the others.
    """

    answers: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    device_seconds: float = 0.0
    money: float | None = None
    lost: int = 0


@dataclass(frozen=True)
class Entry:
    """An asking that has not been closed.

    Args:
        number: its number.
        process: who asks, as `Process.written` has it.
        figures: what was used when it was last written.
        in_flight: requests that had no answer then.
        journals: how far the journal of each store was in the figures, by the store's path below HOME/answers.
    """

    number: int
    process: str
    figures: Figures
    in_flight: int = 0
    journals: Mapping[str, int] = field(default_factory=dict)


class Ledger:
    """The entries of a HOME, by one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @property
    def empty(self) -> bool:
        """Whether nothing was ever written."""
        return self._connection.execute("SELECT 1 FROM spending LIMIT 1").fetchone() is None

    def begin(
        self, stage: str, process: str | None, journals: Mapping[str, int], figures: Figures | None = None
    ) -> int:
        """Opens an entry, or adds one that is closed already where there is no process; returns its number."""
        with state.transaction(self._connection):
            number = self._connection.execute(
                "INSERT INTO spending (stage, process, began, journals) VALUES (?, ?, ?, ?)",
                (stage, process, time.time(), json.dumps(dict(journals))),
            ).lastrowid
            entry = Entry(int(number or 0), process or "", figures or Figures(), 0, journals)
            self._write(entry, Amount())
        return entry.number

    def write(self, entry: Entry, held: Amount, *, close: bool = False) -> None:
        """Puts an entry's figures, and what its process holds, in the place of those before."""
        with state.transaction(self._connection):
            self._write(entry, Amount() if close else held)
            if close:
                self._close(entry)

    def _write(self, entry: Entry, held: Amount) -> None:
        used = entry.figures
        self._connection.execute(
            "UPDATE spending SET answers = ?, prompt_tokens = ?, completion_tokens = ?, seconds = ?, "
            "device_seconds = ?, money = ?, lost = ?, in_flight = ?, held_tokens = ?, held_money = ?, journals = ? "
            "WHERE number = ?",
            (
                *(used.answers, used.prompt_tokens, used.completion_tokens, used.seconds, used.device_seconds),
                *(used.money, used.lost, entry.in_flight, held.tokens, held.money),
                *(json.dumps(dict(entry.journals)), entry.number),
            ),
        )

    def _close(self, entry: Entry) -> None:
        self._connection.execute("UPDATE spending SET process = NULL, in_flight = 0 WHERE number = ?", (entry.number,))

    def open(self) -> list[Entry]:
        """The entries that have not been closed."""
        rows = self._connection.execute("SELECT * FROM spending WHERE process IS NOT NULL ORDER BY number").fetchall()
        return [
            Entry(row["number"], row["process"], _figures(row), row["in_flight"], json.loads(row["journals"]))
            for row in rows
        ]

    def settle(self, found: Entry, figures: Figures) -> None:
        """Closes the entry of a process that is gone, with all that it used; nothing where another was quicker."""
        with state.transaction(self._connection):
            still = self._connection.execute(
                "SELECT 1 FROM spending WHERE number = ? AND process = ?", (found.number, found.process)
            ).fetchone()
            if still is not None:
                self._write(Entry(found.number, found.process, figures, 0, found.journals), Amount())
                self._close(found)

    def reserve(self, entry: Entry, flying: Amount, need: Amount, limits: Limits) -> Amount | None:
        """Room for at least one more request, held for this process.

        Args:
            entry: what the process has used so far.
            flying: most that its requests in flight can take.
            need: most that the next one can take.
            limits: the budget.

        Returns:
            What it may send beyond what is in flight; None where even the next request could cross a limit.
        """
        with state.transaction(self._connection):
            self._write(entry, flying)
            room = self._room(limits)
            count = 0
            if room is not None and need.fits(room):
                count = max(1, min(_times(room.tokens, need.tokens), _times(room.money, need.money), GRANT))
                self._write(entry, flying + need.times(count))
        return need.times(count) if count else None

    def is_held(self, need: Amount, limits: Limits) -> bool:
        """Whether a request that finds no room would find some if nothing were held."""
        room = self._room(limits, held=False)
        return room is not None and need.fits(room)

    def _room(self, limits: Limits, *, held: bool = True) -> Amount | None:
        """What is neither spent nor, where that counts, held; None where the hours are used up."""
        row = self._connection.execute(
            "SELECT coalesce(sum(prompt_tokens + completion_tokens + ? * held_tokens), 0) AS tokens, "
            "coalesce(sum(coalesce(money, 0) + ? * held_money), 0) AS money, coalesce(sum(seconds), 0) AS seconds "
            "FROM spending",
            (held, held),
        ).fetchone()
        if limits.hours is not None and row["seconds"] >= limits.hours * 3600:
            return None
        return Amount(
            2**62 if limits.tokens is None else limits.tokens - row["tokens"],
            float("inf") if limits.money is None else limits.money - row["money"],
        )

    def price(self, prompt_token: float, completion_token: float, device_second: float) -> None:
        """Reckons what was spent while nothing had a price by these ones; what had a price keeps its money."""
        rates = (prompt_token, completion_token, device_second)
        with state.transaction(self._connection):
            self._connection.execute(
                "UPDATE spending SET money = prompt_tokens * ? + completion_tokens * ? + device_seconds * ? "
                "WHERE money IS NULL",
                rates,
            )

    def spent(self) -> Figures:
        """What was used in all, as far as it is written down."""
        row = self._connection.execute(
            "SELECT coalesce(sum(answers), 0) AS answers, coalesce(sum(prompt_tokens), 0) AS prompt_tokens, "
            "coalesce(sum(completion_tokens), 0) AS completion_tokens, coalesce(sum(seconds), 0) AS seconds, "
            "coalesce(sum(device_seconds), 0) AS device_seconds, sum(money) AS money, coalesce(sum(lost), 0) AS lost "
            "FROM spending"
        ).fetchone()
        return _figures(row)

    def stop(self, need: Amount) -> None:
        """Notes the request that the budget had no room for."""
        with state.transaction(self._connection):
            self._connection.execute("INSERT OR REPLACE INTO budget_stop VALUES (1, ?, ?)", (need.tokens, need.money))

    def has_room(self, limits: Limits) -> bool:
        """Whether the request that the budget had no room for last, or any at all, would find some now."""
        stopped = self._connection.execute("SELECT tokens, money FROM budget_stop").fetchone()
        need = Amount(stopped["tokens"], stopped["money"]) if stopped is not None else Amount(tokens=1)
        room = self._room(limits)
        return room is not None and need.fits(room)


def _figures(row: sqlite3.Row) -> Figures:
    return Figures(**{name: row[name] for name in Figures.__dataclass_fields__})


def _times(room: float, need: float) -> int:
    """How many needs a share of the room holds."""
    return GRANT if need <= 0 or room == float("inf") else int(room / need / SHARE)


@contextmanager
def opened(path: Path) -> Iterator[Ledger]:
    """The ledger in HOME/state.sqlite.

    Raises:
        LakeError: the file cannot be used.
        BusyError: somebody else has been writing to it for too long.
    """
    with state.opened(path, *TABLES) as connection:
        yield Ledger(connection)
