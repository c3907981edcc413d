"""The embedded default writer: captions and dialogs by rule, for demos, tests and runs at scale without a model.

Word lists and sentence forms are the .toml files beside the code; the code says how they are drawn and read back.
"""

from unicorn_assets.engines.rules.engine import VERSION, RulesEngine

__all__ = ["VERSION", "RulesEngine"]
