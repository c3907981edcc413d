"""What answers prompts, and the store of answers that all engines share."""

from unicorn_assets import recipe
from unicorn_assets.engines.base import Engine, Model


def open_engine(chosen: recipe.Engine) -> Engine:
    """The engine that a recipe names; the caller closes it."""
    from unicorn_assets.engines.rules.engine import RulesEngine

    return RulesEngine()


def model_of(chosen: recipe.Engine) -> Model:
    """Who will answer, without opening anything; decides fingerprints."""
    from unicorn_assets.engines.rules.engine import VERSION

    return Model(chosen.kind, chosen.model, str(VERSION))
