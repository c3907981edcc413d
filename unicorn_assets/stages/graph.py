"""All stages in the order of the graph."""

from unicorn_assets.stages.base import Stage
from unicorn_assets.stages.release import RELEASE, UPSTREAM

GRAPH: dict[str, Stage] = {**UPSTREAM, RELEASE.name: RELEASE}
