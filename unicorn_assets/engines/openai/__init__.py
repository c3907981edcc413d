"""The `openai` engine: answers from any server that speaks OpenAI's chat completions over HTTP."""

from unicorn_assets.engines.openai.engine import OpenAIEngine
from unicorn_assets.engines.openai.stats import EngineStats

__all__ = ["EngineStats", "OpenAIEngine"]
