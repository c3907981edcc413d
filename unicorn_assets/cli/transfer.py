"""`unicorn transfer`: Stage 3 alone, on anybody's embeddings. Fits (or loads) a transfer and carries a file over.

At use time it does the other half: to image embeddings what the transfer of a release asks.
"""

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from unicorn_assets.errors import TransferError
from unicorn_assets.lake.embedding_files import Embeddings, kind_of
from unicorn_assets.lake.files import sha256, whole
from unicorn_assets.release.images import fitted_transfer, transfer_file
from unicorn_assets.transfer.carrying import CarriedOver, carry, same_dimension
from unicorn_assets.transfer.choices import USE_IMAGES
from unicorn_assets.transfer.fitted import FittedTransfer
from unicorn_assets.transfer.fitting import SETTLED, Options, few, fit, moments
from unicorn_assets.transfer.statistics import Moments


def transfer(
    method: str | None,
    text: Path | None,
    images: Path | None,
    out: Path,
    *,
    options: Options,
    fitted: Path | None,
    keep: Path | None,
    dtype: str | None,
) -> None:
    """Carries `text` over to `out` and says what it did; without `text`, `images` by the rule of a fitted transfer.

    Args:
        method: the method to fit; with `fitted`, the one that it must hold, or None.
        text: the texts' embeddings.
        images: embeddings of images, for the fit.
        out: where the result goes.
        options: of the fit.
        fitted: a fitted transfer to use instead of a fit: its file, or the folder of a release.
        keep: where to save what was fitted.
        dtype: float16 or float32 for the result; None for that of what goes in.

    Raises:
        UnicornError: an input or the output cannot be used; names file, row and cure.
    """
    kind_of(out)
    if keep is not None and fitted is not None and text is not None:
        raise TransferError("--save-fit is given with --fit: nothing is fitted.", "leave one of them out.")
    read = [one for one in (text, images, transfer_file(fitted) if fitted is not None else None) if one is not None]
    for option, written in (("--out", out), ("--save-fit", keep)):
        if written is not None and any(_same(written, one) for one in read):
            raise TransferError(f"{written} is read and written at once.", f"give {option} another name.")
    if keep is not None and (keep == out or _same(keep, out)):
        raise TransferError(f"{out} is named by --out and by --save-fit.", "give one of them another name.")
    console = Console(highlight=False, soft_wrap=True)
    wanted = None if dtype is None else np.dtype(dtype)
    if text is not None:
        _texts(method, Embeddings(text), images, out, options, fitted, keep, wanted, console)
    elif fitted is not None and images is not None:
        _images(_loaded(fitted, method), Embeddings(images), out, keep, wanted, console)
    else:
        raise TransferError(
            "No --text is given.", "name the texts' embeddings; or, for images at use time, --fit and --images."
        )
    console.print(str(out), markup=False)


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def _texts(
    method: str | None,
    texts: Embeddings,
    images: Path | None,
    out: Path,
    options: Options,
    fitted: Path | None,
    keep: Path | None,
    dtype: np.dtype[Any] | None,
    console: Console,
) -> None:
    with _Bars(Console(stderr=True)) as bars:
        if fitted is not None:
            found = _loaded(fitted, method)
        elif method is None:
            raise TransferError("Neither --method nor --fit is given.", "name a method, or a fitted transfer.")
        else:
            pictures = Embeddings(images) if images is not None and method in USE_IMAGES else None
            found = fit(method, texts, pictures, options, bars)
            if keep is not None:
                found = _kept(
                    found, keep, {"text": texts.path} | ({} if pictures is None else {"images": pictures.path})
                )
        done = carry(found.method, texts, out, dtype, bars)
    _warn(few(found))
    console.print(f"{done.rows:,} rows carried over by {found.method.name} ({found.version[:12]}).", markup=False)
    _lost(done, console)
    console.print(f"Real images at use time: {found.method.image_rule().text}", markup=False)


def _images(
    found: FittedTransfer,
    images: Embeddings,
    out: Path,
    keep: Path | None,
    dtype: np.dtype[Any] | None,
    console: Console,
) -> None:
    """Images as a model reads them that was trained on what `found` carried over."""
    same_dimension(found.method, images)
    rule, seen = found.method.image_rule(), Moments(images.dimension)
    with _Bars(Console(stderr=True)) as bars:
        if rule.own_mean:
            seen = moments(images, "mean of the images", bars)
        own = FittedTransfer(rule.fit(seen), seen.count)
        if keep is not None:
            own = _kept(own, keep, {"images": images.path})
        done = carry(own.method, images, out, dtype, bars)
    if rule.own_mean and seen.count < SETTLED:
        _warn(f"The mean is that of {seen.count:,} images; it settles at about {SETTLED:,}.")
    named = f"{found.method.name} ({found.version[:12]})"
    console.print(f"{done.rows:,} images made ready for {named}: {rule.text}", markup=False)
    _lost(done, console)


def _warn(warning: str) -> None:
    if warning:
        Console(stderr=True, soft_wrap=True).print(f"Warning: {warning}", markup=False)


def _lost(done: CarriedOver, console: Console) -> None:
    if done.lost:
        what = f"{len(done.lost):,} rows are left out, since nothing was left of them: {', '.join(done.lost[:5])}"
        console.print(what + ("…" if len(done.lost) > 5 else "."), markup=False)


def _loaded(path: Path, method: str | None) -> FittedTransfer:
    found = fitted_transfer(path)
    if method is not None and method != found.method.name:
        raise TransferError(f"{path} holds the method {found.method.name}, not {method}.", "leave --method out.")
    return found


def _kept(found: FittedTransfer, path: Path, sources: dict[str, Path]) -> FittedTransfer:
    """Saves the transfer with the hashes of the files it was fitted on, whole or not at all."""
    named = FittedTransfer(
        found.method, found.sample, {what: sha256(one) for what, one in sources.items()}, found.images
    )
    with whole(path) as draft:
        named.save(draft)
    return named


class _Bars:
    """A bar for each thing that is done, on a terminal; elsewhere nothing."""

    def __init__(self, console: Console) -> None:
        self._shown = console.is_terminal
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        self._bars = Progress(*columns, console=console)
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        if not self._shown:
            return
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(what, total=total)
        self._bars.update(self._tasks[what], completed=done)

    def __enter__(self) -> "_Bars":
        if self._shown:
            self._bars.start()
        return self

    def __exit__(self, *failure: object) -> None:
        if self._shown:
            self._bars.stop()
