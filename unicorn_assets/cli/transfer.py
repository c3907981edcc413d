"""`unicorn transfer`: Stage 3 alone, on anybody's embeddings. Fits (or loads) a transfer and carries a file over."""

from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from unicorn_assets.errors import TransferError
from unicorn_assets.lake.embedding_files import Embeddings, kind_of
from unicorn_assets.lake.files import explained, publish, sha256, temporary
from unicorn_assets.transfer.carrying import carry
from unicorn_assets.transfer.choices import USE_IMAGES
from unicorn_assets.transfer.fitted import FittedTransfer
from unicorn_assets.transfer.fitting import Options, few, fit


def transfer(
    method: str | None,
    text: Path,
    images: Path | None,
    out: Path,
    *,
    options: Options,
    fitted: Path | None,
    keep: Path | None,
    dtype: str | None,
) -> None:
    """Carries `text` over to `out` and says what it did.

    Args:
        method: the method to fit; with `fitted`, the one that it must hold, or None.
        text: the texts' embeddings.
        images: embeddings of images, for the fit.
        out: where the result goes.
        options: of the fit.
        fitted: a fitted transfer to use instead of a fit.
        keep: where to save the fitted transfer.
        dtype: float16 or float32 for the result; None for that of the texts.

    Raises:
        UnicornError: an input or the output cannot be used; names file, row and cure.
    """
    kind_of(out)
    for one in (text, images):
        if one is not None and out.exists() and one.exists() and out.samefile(one):
            raise TransferError(f"{out} is read and written at once.", "give --out another name.")
    texts, console = Embeddings(text), Console(highlight=False, soft_wrap=True)
    with _Bars(Console(stderr=True)) as bars:
        if fitted is not None:
            found = _loaded(fitted, method)
        elif method is None:
            raise TransferError("Neither --method nor --fit is given.", "name a method, or a fitted transfer.")
        else:
            pictures = Embeddings(images) if images is not None and method in USE_IMAGES else None
            found = fit(method, texts, pictures, options, bars)
            if keep is not None:
                found = _kept(found, keep, {"text": text} | ({} if pictures is None else {"images": pictures.path}))
        done = carry(found.method, texts, out, None if dtype is None else np.dtype(dtype), bars)
    if warning := few(found):
        Console(stderr=True, soft_wrap=True).print(f"Warning: {warning}", markup=False)
    console.print(f"{done.rows:,} rows carried over by {found.method.name} ({found.version[:12]}).", markup=False)
    if done.lost:
        what = f"{len(done.lost):,} rows are left out, since nothing was left of them: {', '.join(done.lost[:5])}"
        console.print(what + ("…" if len(done.lost) > 5 else "."), markup=False)
    console.print(f"Real images at use time: {found.method.image_rule().text}", markup=False)
    console.print(str(out), markup=False)


def _loaded(path: Path, method: str | None) -> FittedTransfer:
    found = FittedTransfer.load(path)
    if method is not None and method != found.method.name:
        raise TransferError(f"{path} holds the method {found.method.name}, not {method}.", "leave --method out.")
    return found


def _kept(found: FittedTransfer, path: Path, sources: dict[str, Path]) -> FittedTransfer:
    """Saves the transfer with the hashes of the files it was fitted on, whole or not at all."""
    named = FittedTransfer(
        found.method, found.sample, {what: sha256(one) for what, one in sources.items()}, found.images
    )
    draft = temporary(path)
    try:
        named.save(draft)
        with explained(path):
            publish(draft, path)
    finally:
        draft.unlink(missing_ok=True)
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
