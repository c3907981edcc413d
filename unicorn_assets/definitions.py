"""The one Definitions object: what Dagster loads."""

from unicorn_assets.defs.build import build
from unicorn_assets.home import Home
from unicorn_assets.stages.tools import Tools

defs = build(Tools.at(Home.resolve()))
