"""Reasoning: problems that take several steps, each step said, each premise a fact of the caption."""

from collections.abc import Callable, Iterator
from itertools import combinations

from unicorn_assets.engines.rules.draws import Draws
from unicorn_assets.engines.rules.knowledge import Knowledge
from unicorn_assets.engines.rules.lexicon import Noun, lexicon
from unicorn_assets.engines.rules.phrases import Fact, article
from unicorn_assets.engines.rules.questions import Pair
from unicorn_assets.engines.rules.spots import cell

_FEWEST, _MOST = 2, 4
_COUNTS = ("none", "one", "two", "three")
_SOURCES = {
    "to the right": "on the left",
    "to the left": "on the right",
    "to the lower right": "in the upper left",
    "to the lower left": "in the upper right",
    "towards the front": "behind",
    "towards the back": "in front",
}


_ACROSS = {
    "on the left": "on the right",
    "on the right": "on the left",
    "in the upper left": "in the upper right",
    "in the upper right": "in the upper left",
    "behind": "in front",
    "in front": "behind",
}


def reason(known: Knowledge, draws: Draws) -> list[Pair]:
    """Up to four problems, each of another sort; fewer than two where the caption says too little."""
    wanted = _FEWEST + draws.below(_MOST - _FEWEST + 1)
    pairs: list[Pair] = []
    for make in (*draws.shuffled(_TELLING), *draws.shuffled(_SIMPLE)):
        found = list(make(known))
        if found:
            pairs.append(draws.pick(found))
        if len(pairs) == wanted:
            break
    return pairs


def _gaze(known: Knowledge) -> Iterator[Pair]:
    for one, two in combinations(known.things, 2):
        here, there = cell(one.values["spot"]).side, cell(two.values["spot"]).side
        if {here, there} == {"left", "right"}:
            yield Pair(
                f"If someone's gaze moved from the {_name(one)} to the {_name(two)}, which way would it go?",
                f"First, the {_name(one)} is {_spot(one)}, which is on the {here}. Next, the {_name(two)} is "
                f"{_spot(two)}, which is on the {there}. To get from the {here} to the {there}, the gaze has to cross "
                f"the scene. Therefore it would go from {here} to {there}.",
            )


def _size(known: Knowledge) -> Iterator[Pair]:
    for one, two in combinations(known.things, 2):
        near, far = (one, two) if cell(one.values["spot"]).level == "near" else (two, one)
        if (cell(near.values["spot"]).level, cell(far.values["spot"]).level) == ("near", "far"):
            yield Pair(
                f"Suppose the {_name(one)} and the {_name(two)} were equally large. Which would look larger from here?",
                f"Start with where they are: the {_name(near)} is {_spot(near)}, so it is close to the viewer. The "
                f"{_name(far)} is {_spot(far)}, so it is farther away. Of two equally large objects, the closer one "
                f"looks larger. So the {_name(near)} would look larger.",
            )


def _swap(known: Knowledge) -> Iterator[Pair]:
    for one, two in combinations(known.things, 2):
        yield Pair(
            f"If the {_name(one)} and the {_name(two)} changed places, which colour would one find {_spot(one)}?",
            f"At present the {_name(one)} is {_spot(one)}, and the {_name(two)} is {_spot(two)}. After the change, the "
            f"{_name(two)} would be {_spot(one)}. It is {two.values['colour']} and keeps its colour. So one would find "
            f"{two.values['colour']} there.",
        )


def _tally(known: Knowledge) -> Iterator[Pair]:
    placed = [(thing, cell(thing.values["spot"]).side) for thing in known.things]
    for three in combinations(placed, 3):
        if not all(side for _, side in three):
            continue
        names = [_name(thing) for thing, _ in three]
        left = [_name(thing) for thing, side in three if side == "left"]
        steps = " ".join(f"The {_name(thing)} is {_spot(thing)}, so it is on the {side}." for thing, side in three)
        yield Pair(
            f"Of the {names[0]}, the {names[1]} and the {names[2]}, how many are on the left side?",
            f"Take them in turn. {steps} Counting those on the left gives {_COUNTS[len(left)]}.",
        )


def _shadow_source(known: Knowledge) -> Iterator[Pair]:
    shade = known.one("shade")
    if shade:
        shadow = shade.values["shadow"]
        yield Pair(
            "Judging by the shadows, where must the main source of light be?",
            f"Shadows fall on the side that faces away from the light. Here they go {shadow}. Following them back "
            f"leads to the opposite side. Therefore the main source of light must be {_SOURCES[shadow]}.",
        )


def _other_light(known: Knowledge) -> Iterator[Pair]:
    light = known.one("light")
    if light and "direction" in light.values:
        ways = dict(lexicon().directions)
        now = light.values["direction"]
        other = next(way for way, shadow in ways.items() if _SOURCES[shadow] == _ACROSS[_SOURCES[ways[now]]])
        yield Pair(
            f"Suppose the light came {other} instead. How would the shadows change?",
            f"At present the light comes {now}, so shadows tend {ways[now]}. Shadows always lie opposite the light. "
            f"With light {other}, the opposite direction is {ways[other]}. So the shadows would turn and fall "
            f"{ways[other]}.",
        )


def _gone(known: Knowledge) -> Iterator[Pair]:
    for thing in known.things:
        colour = thing.values["colour"]
        yield Pair(
            f"If a painter ran out of {colour} paint, which object here could not be finished?",
            f"Look for what is {colour}. The {_name(thing)} {_spot(thing)} has that colour, so it needs the paint. "
            f"Without it, its surface could not be coloured. Therefore the {_name(thing)} could not be finished.",
        )


def _place(known: Knowledge) -> Iterator[Pair]:
    """The kind of place, where two things are found in one kind of scene alone."""
    homes: dict[str, list[str]] = {}
    for thing in known.things:
        scenes = [scene for scene in lexicon().scenes if any(_name(thing) == item.name for item in scene.things)]
        if len(scenes) == 1 and scenes[0].outdoors is not None:
            homes.setdefault(scenes[0].place, []).append(_name(thing))
    for place, names in homes.items():
        if len(homes) == 1 and len(names) > 1:
            yield Pair(
                "What kind of place is this likely to be, and which objects tell?",
                f"One clue is the {names[0]}, which fits {place}. Another is the {names[1]}, which fits the same kind "
                f"of place. Both clues point the same way. So this is likely to be {place}.",
            )


def _total(known: Knowledge) -> Iterator[Pair]:
    numbers = lexicon().numbers
    counts = [fact for fact in known.subjects if fact.kind == "count"]
    for one, two in combinations(counts, 2):
        sizes = [numbers.index(fact.values["count"]) + 2 for fact in (one, two)]
        total = numbers[sum(sizes) - 2] if sum(sizes) - 2 < len(numbers) else str(sum(sizes))
        yield Pair(
            f"How many {one.values['noun']} and {two.values['noun']} are there altogether?",
            f"There are {one.values['count']} {one.values['noun']}. There are {two.values['count']} "
            f"{two.values['noun']}. Adding the two numbers gives {total}. So there are {total} altogether.",
        )


def _alive(known: Knowledge) -> Iterator[Pair]:
    for one, two in combinations(known.nouns, 2):
        if one[1].kind.alive != two[1].kind.alive:
            living, other = (one, two) if one[1].kind.alive else (two, one)
            yield Pair(
                f"Which of the two could move by its own will, the {one[0]} or the {two[0]}?",
                f"Moving by will takes a living being. The {other[0]} {_be(other[1])} no living being. The "
                f"{living[0]}, on the other hand, {_be(living[1])} alive. Therefore only the {living[0]} could.",
            )


def _rides(known: Knowledge) -> Iterator[Pair]:
    vehicles = [(form, noun) for form, noun in known.nouns if noun.kind.rides]
    others = [(form, noun) for form, noun in known.nouns if not noun.kind.rides and not noun.kind.alive]
    for vehicle in vehicles[:1]:
        for other in others[:2]:
            yield Pair(
                f"Someone wants to leave for a distant place. Would the {vehicle[0]} or the {other[0]} help more?",
                f"Getting far takes something that carries people. The {other[0]} {_be(other[1])} not made for that. "
                f"The {vehicle[0]} {_be(vehicle[1])} made to travel. So the {vehicle[0]} would help more.",
            )


def _belongs(known: Knowledge) -> Iterator[Pair]:
    for one, two in combinations(known.nouns, 2):
        label = one[1].kind.label
        if label != two[1].kind.label:
            yield Pair(
                f"If one had to sort the {one[0]} and the {two[0]}, which would count as {article(label)}?",
                f"Consider each in turn. The {two[0]} would count as {article(two[1].kind.label)}, so that is not the "
                f"one. The {one[0]}, by contrast, would count as {article(label)}. So the answer is the {one[0]}.",
            )


def _name(thing: Fact) -> str:
    return thing.values["item"]


def _spot(thing: Fact) -> str:
    return thing.values["spot"]


def _be(noun: Noun) -> str:
    return "are" if noun.plural else "is"


_TELLING: tuple[Callable[[Knowledge], Iterator[Pair]], ...] = (
    _gaze,
    _size,
    _swap,
    _tally,
    _shadow_source,
    _other_light,
    _gone,
    _place,
    _total,
)
_SIMPLE = (_alive, _rides, _belongs)
