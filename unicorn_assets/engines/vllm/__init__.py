"""The `vllm` engine: a server of our own for each device group, started, shared, watched and stopped."""

from unicorn_assets.engines.vllm.engine import VllmEngine

__all__ = ["VllmEngine"]
