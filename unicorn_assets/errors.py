"""The errors a person sees. Each says what is wrong, where, and how to mend it; none needs a traceback.

Whether a retry makes sense is part of the error, so that a scheduler need not guess.
"""

from typing import Any


class UnicornError(Exception):
    """Something a person can mend.

    Args:
        what: what is wrong, naming the file, row or key.
        cure: how to mend it, in the imperative.
    """

    retryable = False

    def __init__(self, what: str, cure: str) -> None:
        super().__init__(f"{what}\n  To mend it: {cure}")
        self.what = what
        self.cure = cure

    def __reduce__(self) -> tuple[Any, ...]:
        # By its state, not by calling the class: its arguments are not those of Exception, and an error that cannot
        # be unpickled breaks the pool of processes that it comes out of.
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[UnicornError], arguments: tuple[Any, ...], state: dict[str, Any]) -> UnicornError:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(state)
    return error


class RecipeError(UnicornError):
    """A recipe or a settings file that cannot be used."""


class SeedError(UnicornError):
    """A seed file that cannot be read as a whole. Rows that are wrong are rejected instead."""


class BenchmarkError(UnicornError):
    """A benchmark's file that samples cannot be compared with."""


class CheckError(UnicornError):
    """A check that must hold before a stage begins does not; carries the figures behind it."""

    def __init__(self, what: str, cure: str, *, check: str, figures: dict[str, object]) -> None:
        super().__init__(what, cure)
        self.check = check
        self.figures = figures


class LakeError(UnicornError):
    """A file of the lake that is missing, damaged, or not the one that was expected."""


class EngineError(UnicornError):
    """An engine that cannot answer at all. An answer that is wrong is a rejected row instead."""


class EngineDownError(EngineError):
    """A server that cannot answer for now: it is down or too busy. Later it may answer again."""

    retryable = True


class BudgetError(UnicornError):
    """What the settings allow to be spent is used up; a person raises it, no retry does."""


class EncoderError(UnicornError):
    """An encoder that cannot be loaded, or whose weights are not the expected ones."""


class ImageError(UnicornError):
    """Images, or a file of their embeddings, that cannot be used as a whole. Single ones are rejected rows instead."""


class TransferError(UnicornError):
    """Embeddings that cannot be carried over, or a transfer that cannot be fitted."""


class StorageError(UnicornError):
    """Dagster's storage that cannot be opened: a database out of reach, or instance files at odds."""


class BusyError(UnicornError):
    """Somebody else holds what is needed; later it will be free."""

    retryable = True
