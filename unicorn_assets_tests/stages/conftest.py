"""Fixtures of the stages."""

import pytest

from unicorn_assets.stages import corpus
from unicorn_assets_tests.stages.planted_corpus import Corpus


@pytest.fixture
def corpus_at(tmp_path, monkeypatch):
    """Makes a corpus below the folder of the test; the stages go by its shards."""
    made = []

    def at(name="home", **options):
        made.append(Corpus(tmp_path / name, **options))
        monkeypatch.setattr(corpus, "coverage", lambda tools: next(
            one for one in made if one.home.path == tools.home.path).coverage(tools)
        )  # fmt: skip
        return made[-1]

    return at
