"""Books that nobody closes: of processes that were killed, of a HOME that had none, of what no store keeps."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from unicorn_assets import ledger
from unicorn_assets.engines.compacted import Row
from unicorn_assets.engines.store import AnswerReader
from unicorn_assets.home import Home
from unicorn_assets.lake.locks import locked
from unicorn_assets.ledger import Entry, Figures, Ledger
from unicorn_assets.processes import Process
from unicorn_assets.settings import Prices, Settings
from unicorn_assets.stages.accounting import HOUR, MILLION, Usage

BYTES_A_TOKEN = 3
"""Of a text whose server does not say how many tokens it has; real text has more, so that none go uncounted."""
LOCK_SECONDS = 600.0
"""How long a step waits for another one that reads the answers of a HOME without books."""


def note(home: Home, stage: str, settings: Settings, used: Usage, answers: int, seconds: float) -> None:
    """Writes down what was spent beside all stores, as by a preview; where there is no HOME, there are no books.

    Raises:
        LakeError: HOME/state.sqlite cannot be used.
        BusyError: somebody else has been writing to it for too long.
    """
    if not home.path.is_dir():
        return
    take_over(home)
    figures = Figures(answers, used.prompt_tokens, used.completion_tokens, seconds, used.device_seconds)
    with ledger.opened(home.state) as found:
        found.begin(stage, None, {}, replace(figures, money=money_of(figures, settings.prices)))


def settle(home: Home, prices: Prices) -> None:
    """Closes the entries of processes that are gone: with the answers that their stores hold beyond what was written.

    What was in flight at the kill may have been charged, so it counts at the mean of that asking's answers.

    Raises:
        LakeError: HOME/state.sqlite or a store cannot be read.
    """
    if not home.state.is_file():
        return
    with ledger.opened(home.state) as found:
        for entry in found.open():
            process = Process.read(entry.process)
            if process is not None and not process.lives:
                found.settle(entry, _settled(home, entry, prices))


def _settled(home: Home, entry: Entry, prices: Prices) -> Figures:
    used, rows = entry.figures, list[Row]()
    for name, end in entry.journals.items():
        with AnswerReader(home.path / "answers" / name) as store:
            rows += store.journalled(end)
    answers = used.answers + len(rows)
    if not answers:
        return used
    prompt = sum(row["prompt_tokens"] for row in rows)
    completion = sum(row["completion_tokens"] or unreported(row["text"]) for row in rows)
    mean = Usage(used.prompt_tokens + prompt, used.completion_tokens + completion).times(entry.in_flight / answers)
    more = Usage(prompt + mean.prompt_tokens, completion + mean.completion_tokens)
    return replace(
        used,
        answers=answers,
        prompt_tokens=used.prompt_tokens + more.prompt_tokens,
        completion_tokens=used.completion_tokens + more.completion_tokens,
        money=used.money if used.money is None else used.money + more.money(prices),
        lost=entry.in_flight,
    )


def take_over(home: Home) -> None:
    """Begins the books of a HOME that has answers and no books: older ones, or its state was lost."""
    with (
        locked(home.path / "locks" / "ledger", what="the books", wait_seconds=LOCK_SECONDS),
        ledger.opened(home.state) as found,
    ):
        if not found.empty:
            return
        for stage in sorted(path for path in (home.path / "answers").glob("*") if path.is_dir()):
            names = {path.stem for path in stage.iterdir() if path.suffix in (".journal", ".parquet")}
            found.begin(stage.name, None, {}, _usage(stage / name for name in sorted(names)))


def _usage(stores: Iterable[Path]) -> Figures:
    answers = prompt = completion = 0
    for path in stores:
        with AnswerReader(path) as store:
            more = store.usage()
        answers, prompt, completion = answers + more[0], prompt + more[1], completion + more[2]
    return Figures(answers, prompt, completion)


def unreported(text: str) -> int:
    """Tokens of an answer whose server does not say."""
    return -(-len(text.encode(errors="replace")) // BYTES_A_TOKEN)


def money_of(used: Figures, prices: Prices) -> float | None:
    """What that cost; None where nothing has a price."""
    usage = Usage(used.prompt_tokens, used.completion_tokens, used.device_seconds)
    return usage.money(prices) if _priced(prices) else None


def _priced(prices: Prices) -> bool:
    return any((prices.prompt_million, prices.completion_million, prices.device_hour))


def price(found: Ledger, prices: Prices) -> None:
    """Gives what was spent while nothing had a price is its money by the prices that there are now."""
    if _priced(prices):
        found.price(prices.prompt_million / MILLION, prices.completion_million / MILLION, prices.device_hour / HOUR)
