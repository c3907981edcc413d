"""An engine and an encoder that say who they are and refuse to work: for what must not cost anything."""

from collections.abc import Generator, Iterable, Sequence

from unicorn_assets.encoders.base import Encoder, Vectors
from unicorn_assets.engines import model_of
from unicorn_assets.engines.base import Answer, Model, Request
from unicorn_assets.errors import UnicornError
from unicorn_assets.recipe import Engine


class AskedError(UnicornError):
    """Somebody asked after all."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}, which would have to be paid for.", "`unicorn run` makes what is missing.")


class UnaskedEngine:
    """The recipe's engine by name; the answers that are asked of it have to be in the store.

    Args:
        chosen: the recipe's engine.
    """

    def __init__(self, chosen: Engine) -> None:
        self.model: Model = model_of(chosen)

    def generate(self, requests: Iterable[Request]) -> Generator[tuple[Request, Answer], None, None]:
        """Nothing, where nothing is asked.

        Raises:
            AskedError: there is a request.
        """
        for request in requests:
            raise AskedError(f"The answer for {request.id} is not in the store")
        yield from ()

    def close(self) -> None:
        """Nothing is held."""


class UnaskedEncoder:
    """An encoder by what it says of itself.

    Args:
        encoder: the encoder; whoever opened it closes it.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.name, self.revision = encoder.name, encoder.revision

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._encoder.dimension

    @property
    def max_tokens(self) -> int:
        """Tokens of a text that the model reads."""
        return self._encoder.max_tokens

    def identity(self) -> dict[str, str | int]:
        """What decides the vectors' bytes."""
        return self._encoder.identity()

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""
        return self._encoder.token_counts(texts)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Never vectors.

        Raises:
            AskedError: always.
        """
        raise AskedError(f"{len(texts):,} texts are to be embedded")

    def close(self) -> None:
        """The encoder is another's."""
