"""What a step works with: the home, its recipe, and engines and an encoder that stay open between steps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from unicorn_assets import engines, settings
from unicorn_assets import recipe as recipes
from unicorn_assets.alignment import Images
from unicorn_assets.encoders.base import Encoder
from unicorn_assets.encoders.images import ImageEncoder, SentenceImageEncoder
from unicorn_assets.encoders.nli import NliJudge, chosen
from unicorn_assets.engines.base import Engine
from unicorn_assets.home import DEFAULT_RECIPE, Home
from unicorn_assets.recipe import Recipe
from unicorn_assets.settings import Settings

if TYPE_CHECKING:
    from unicorn_assets.stages.freshness import State


def _sentence_encoder(recipe: recipes.Encoder) -> Encoder:
    from unicorn_assets.encoders.sentence import SentenceEncoder

    return SentenceEncoder(recipe)


def _image_encoder(chosen: Images) -> ImageEncoder:
    if chosen.model is None:
        raise TypeError("a file of embeddings has no encoder")
    return SentenceImageEncoder(chosen.model, chosen.revision)


def prober_of(recipe: Recipe) -> recipes.Engine:
    """Who answers the probes of a recipe's dialogs: the engine that it names for them, else its own."""
    return recipe.probing.engine or recipe.engine


@dataclass
class Tools:
    """What a step works with.

    Args:
        home: where everything stands.
        recipe: the recipe that decides; kept as it is settled for this home.
        make_engine: opens an engine that the recipe names.
        make_encoder: opens the encoder that the recipe names. Tests pass a double here; users choose in the recipe.
        make_image_encoder: opens the encoder of the recipe's images; whoever opens it closes it, since it is used once.
        listener: told (stage, shard, rows done, rows in all or None) as a step goes on, for a progress display.
    """

    home: Home
    recipe: Recipe
    make_engine: Callable[[recipes.Engine, Settings, Path], Engine] = engines.open_engine
    make_encoder: Callable[[recipes.Encoder], Encoder] = _sentence_encoder
    make_image_encoder: Callable[[Images], ImageEncoder] = _image_encoder
    listener: Callable[[str, str, int, int | None], None] | None = None
    seen: "Sequence[State]" = field(default=(), init=False, repr=False)
    """States that the stages below the shards go by for the while, where they have been read; see `corpus.seen`."""
    _engines: dict[tuple[recipes.Engine, bool], Engine] = field(default_factory=dict, init=False, repr=False)
    _encoder: Encoder | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.recipe = self.home.settled(self.recipe)

    @classmethod
    def at(cls, home: Home) -> "Tools":
        """The tools for a home with the recipe that it holds, or the demo recipe where it holds none yet."""
        return cls(home, home.recipe() or recipes.load(DEFAULT_RECIPE))

    @cached_property
    def settings(self) -> Settings:
        """The settings of the deployment."""
        return settings.load(self.home.path)

    @property
    def engine(self) -> Engine:
        """The engine, opened at its first use."""
        return self._opened(self.recipe.engine, self.settings)

    @property
    def prober(self) -> Engine:
        """Who answers the probes of dialogs, opened at its first use: often the engine itself."""
        chosen, found = prober_of(self.recipe), self.settings
        apart = chosen.kind == "openai" and found.probing_endpoint is not None
        if apart:
            found = found.model_copy(update={"endpoint": found.probing_endpoint})
        return self._opened(chosen, found, apart)

    def _opened(self, chosen: recipes.Engine, found: Settings, apart: bool = False) -> Engine:
        key = (chosen, apart)
        if key not in self._engines:
            if chosen.kind == "vllm":  # two models of ours share devices: one waits until nobody holds the other
                for other in [one for one in self._engines if one[0].kind == "vllm"]:
                    self._engines.pop(other).close()
            self._engines[key] = self.make_engine(chosen, found, self.home.path)
        return self._engines[key]

    @property
    def encoder(self) -> Encoder:
        """The encoder, loaded at its first use."""
        if self._encoder is None:
            self._encoder = self.make_encoder(self.recipe.encoder)
        return self._encoder

    @cached_property
    def inference(self) -> NliJudge | None:
        """The model of natural language inference that the recipe names; None where it names none."""
        return chosen(self.recipe.dialogs.rules)

    def close(self) -> None:
        """Frees engines, encoder and what else is loaded."""
        for opened in (*self._engines.values(), self._encoder, self.__dict__.pop("inference", None)):
            if opened is not None:
                opened.close()
        self._engines, self._encoder = {}, None
