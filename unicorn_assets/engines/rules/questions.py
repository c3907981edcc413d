"""Questions with answers: which may be asked of a caption, in full or with wrong options."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from unicorn_assets.engines.rules.draws import Draws
from unicorn_assets.engines.rules.grammar import raised
from unicorn_assets.engines.rules.knowledge import Knowledge
from unicorn_assets.engines.rules.phrases import Ask, Fact, article, fill, forms
from unicorn_assets.engines.rules.wrong import Option, options

FEWEST, MOST = 6, 8
_SUBJECTS = 3
_DISTRACTORS = 3


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and its answer; with wrong options where it is a choice."""

    question: str
    answer: str
    distractors: tuple[str, ...] = ()


Word = Callable[[Knowledge, Fact, Ask, Draws], Pair | None]


def full(known: Knowledge, draws: Draws) -> list[Pair]:
    """Up to eight questions with answers in full, none twice; fewer than six where the caption says too little."""
    return _varied(known, (*known.told, *known.relations), draws, _in_full)


def choice(known: Knowledge, draws: Draws) -> list[Pair]:
    """Up to eight questions with a right answer and three wrong ones, none twice; fewer than six likewise."""
    return _varied(known, known.told, draws, _as_choice)


def _varied(known: Knowledge, told: Iterable[Fact], draws: Draws, word: Word) -> list[Pair]:
    """A few questions about the subjects, then about the rest; again about the same facts only if these do not do."""
    wanted = FEWEST + draws.below(MOST - FEWEST + 1)
    subjects = draws.shuffled(_askable(known.subjects))
    rest = draws.shuffled(_askable(told))
    pairs: dict[str, Pair] = {}
    touched: Counter[int] = Counter()
    for candidates in (subjects[:_SUBJECTS], _spread(rest, touched), (*subjects[_SUBJECTS:], *rest)):
        for fact, ask in candidates:
            if len(pairs) == wanted:
                return list(pairs.values())
            pair = word(known, fact, ask, draws)
            if pair and pair.question not in pairs and not any(_same(pair, other) for other in pairs.values()):
                pairs[pair.question] = pair
                touched[id(fact)] += 1
    return list(pairs.values())


def _askable(told: Iterable[Fact]) -> list[tuple[Fact, Ask]]:
    return [(fact, ask) for fact in told for ask in forms()[fact.kind].asks if ask.role in fact.values]


def _spread(candidates: list[tuple[Fact, Ask]], touched: Counter[int]) -> Iterator[tuple[Fact, Ask]]:
    """Those of facts that were not asked about twice, and not both where a thing is and what is there."""
    placed: set[int] = set()
    for fact, ask in candidates:
        if touched[id(fact)] > 1 or (ask.role in ("spot", "item") and id(fact) in placed):
            continue
        if ask.role in ("spot", "item"):
            placed.add(id(fact))
        yield fact, ask


def _same(one: Pair, other: Pair) -> bool:
    """Whether two questions differ in wording alone: same answer, same subject at their end."""
    return one.answer == other.answer and one.question.split()[-2:] == other.question.split()[-2:]


def _in_full(known: Knowledge, fact: Fact, ask: Ask, draws: Draws) -> Pair | None:
    reply = fill(draws.pick(ask.replies), fact.values)
    return Pair(fill(draws.pick(ask.questions), fact.values), raised(reply))


def _as_choice(known: Knowledge, fact: Fact, ask: Ask, draws: Draws) -> Pair | None:
    if not ask.choice:
        return None
    wrong = options(known, fact, ask.role)
    taken: list[str] = []
    families: set[str] = set()
    for option, family in _apart(wrong, draws):
        if family not in families:
            families.add(family)
            taken.append(raised(option))
        if len(taken) == _DISTRACTORS:
            answer = _shown(fact, ask.role)
            return Pair(fill(draws.pick(ask.questions), fact.values), raised(answer), tuple(taken))
    return None


def _apart(options: list[Option], draws: Draws) -> Iterator[Option]:
    """All options, neighbours of the word lists far apart, since these often have much in common."""
    stride = len(options) // _DISTRACTORS + 1
    start = draws.below(max(len(options), 1))
    turned = [*options[start:], *options[:start]]
    for offset in range(stride):
        yield from turned[offset::stride]


def _shown(fact: Fact, role: str) -> str:
    """The right answer as an option: with its article where it is a thing."""
    if role == "item":
        return article(fact.values["item"])
    return fact.values["shown" if role == "noun" else role]
