"""Grades of a caption by the rules of curation: what their figures and findings amount to on a scale of 1 to 5."""

import json

from unicorn_assets.curation.faithfulness import contradictions
from unicorn_assets.curation.rules import judge, measures
from unicorn_assets.curation.statements import Statements
from unicorn_assets.judging import Curation


def grades(seed: str, caption: str) -> str:
    """The JSON answer to a request for grades.

    Args:
        seed: what the caption was written from.
        caption: what is graded.
    """
    found = measures(seed, caption).quality
    added = [one for one in judge(seed, caption, Curation()) if one.code.startswith(("added_", "source_leak"))]
    against = contradictions(Statements(seed), Statements(caption))
    return json.dumps(
        {
            "faithful": 1 if against else _scaled(found.seed_words),
            "visual": max(1, 5 - 2 * len(added)),
            "specific": _scaled(found.specificity),
            "fluent": _scaled(min(found.fresh, found.variety)),
        }
    )


def _scaled(share: float) -> int:
    return 1 + round(4 * share)
