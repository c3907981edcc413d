"""What answers prompts, and the store of answers that all engines share."""

from pathlib import Path

from unicorn_assets import recipe
from unicorn_assets.engines.base import Engine, Model
from unicorn_assets.settings import Settings


def open_engine(chosen: recipe.Engine, settings: Settings, home: Path) -> Engine:
    """The engine that a recipe names; the caller closes it.

    Args:
        chosen: the recipe's engine.
        settings: where it runs and how hard it is driven.
        home: HOME, where servers of ours keep their logs and leases.

    Raises:
        EngineError: the settings do not allow it.
    """
    match chosen.kind:
        case "openai":
            from unicorn_assets.engines.openai import OpenAIEngine

            return OpenAIEngine(model_of(chosen), settings.endpoint)
        case "vllm":
            from unicorn_assets.engines.vllm import VllmEngine

            return VllmEngine(model_of(chosen), settings, home)
        case "rules":
            from unicorn_assets.engines.rules import RulesEngine

            return RulesEngine()


def model_of(chosen: recipe.Engine) -> Model:
    """Who will answer, without opening anything; decides fingerprints."""
    if chosen.kind == "rules":
        from unicorn_assets.engines.rules import VERSION

        return Model(chosen.kind, chosen.model, str(VERSION))
    return Model(chosen.kind, chosen.model, chosen.revision)
