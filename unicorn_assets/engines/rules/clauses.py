"""Clauses of one caption: values drawn for each kind of fact, so that they fit the seed and each other."""

from collections.abc import Sequence

from unicorn_assets.engines.rules.draws import Draws
from unicorn_assets.engines.rules.lexicon import Group, Noun, Thing, lexicon
from unicorn_assets.engines.rules.phrases import fill, forms, roles
from unicorn_assets.engines.rules.seedscan import Scan
from unicorn_assets.engines.rules.spots import Cell

_SECTIONS = {
    "light": "light",
    "shade": "shadow",
    "ground": "texture",
    "back": "texture",
    "frame": "frame",
    "focus": "frame",
}


class Clauses:
    """Writes the clauses of one caption, in lower case and without an end. What was used once is not used again."""

    def __init__(self, seed: Scan, draws: Draws) -> None:
        self._draws = draws
        self._lists = lexicon()
        self._seed = seed
        self._scene = seed.scene
        self._used = set(seed.words)
        plain = self._lists.scenes[-1]
        self._things = plain.things if seed.close else self._scene.things
        if seed.bare:
            self._things = self._scene.fixed or plain.things
        self._cells = self._order_cells()
        direction, shadow = draws.pick(self._lists.directions)
        self._values = {"direction": direction, "shadow": shadow}
        self._allowed = self._light()

    @property
    def spots_left(self) -> int:
        """How many more things have room."""
        return len(self._cells)

    def of(self, kind: str, form: int | None = None) -> str:
        """A clause of light, shade, ground, frame or focus, in the given form or a drawn one."""
        clauses = forms()[kind].clauses
        clause = self._draws.pick(clauses) if form is None else clauses[form]
        values, allowed, lists = self._values.copy(), self._allowed, self._lists.lists[_SECTIONS[kind]]
        for role in roles(clause):
            if role not in values:
                values[role] = self._draws.pick(allowed.get(role) or lists[role])
        return fill(clause, values)

    def ground(self) -> str:
        """What is underneath; empty where the scene has no such thing, or the seed speaks of it."""
        grounds = [ground for ground in self._scene.grounds if self._used.isdisjoint(ground.split())]
        if not grounds or self._seed.close:
            return ""
        self._values["ground"] = self._draws.pick(grounds)
        return self.of("ground")

    def background(self) -> str:
        """What is behind everything; empty where the seed leaves no room for it."""
        backs = [back for back in self._scene.backs if self._used.isdisjoint(back.split())]
        if not backs or self._seed.close or self._seed.bare:
            return ""
        self._values["back"] = self._draws.pick(backs)
        return self.of("back")

    def part(self, form: str, noun: Noun) -> str:
        """How a visible part of a noun of the seed looks. `form` is the noun as the seed has it."""
        draws, kind = self._draws, noun.kind
        first = draws.below(len(kind.looks))
        second = (first + 1 + draws.below(len(kind.looks) - 1)) % len(kind.looks)
        values = {"part": draws.pick(kind.parts), "noun": form, "look": kind.looks[first], "second": kind.looks[second]}
        return fill(draws.pick(forms()["part"].clauses), values)

    def thing(self) -> str:
        """An incidental thing in the next free region."""
        draws, thing = self._draws, self._next_thing()
        group = thing.group
        self._used |= thing.parts
        colours = self._lists.colours["mono"] if self._seed.mono else thing.colours
        region = self._region(group)
        values = {
            "item": thing.name,
            "colour": draws.fresh(colours, self._used),
            "adj": draws.fresh(group.adjectives, self._used),
            "detail": draws.fresh(group.details, self._used),
            "verb": draws.pick(group.verbs),
            "spot": draws.fresh(self._scene.spots[region], self._used),
        }
        return fill(draws.pick(forms()["thing"].clauses), values)

    def _region(self, group: Group) -> Cell:
        """The next free region. Places of their own are for what stands or lies; nothing hangs in the foreground."""
        fixed = group.name in ("built", "hang")
        place = next((place for place in reversed(range(len(self._cells))) if not fixed or self._cells[place].side), 0)
        region = self._cells.pop(place)
        if fixed and (not region.side or (group.name == "hang" and region.level == "near")):
            return Cell(region.side or "left", "")
        return region

    def _next_thing(self) -> Thing:
        """A thing that neither the seed nor the caption has; from the drawn place on, then from the plain setting."""
        for things in (self._things, self._lists.scenes[-1].things):
            start = self._draws.below(len(things))
            for thing in (*things[start:], *things[:start]):
                if self._used.isdisjoint(thing.parts):
                    return thing
        return things[start]

    def _light(self) -> dict[str, Sequence[str]]:
        """Light that the seed allows: daylight only outdoors, and no tone of its own where the seed has one."""
        lists, seed = self._lists.lists["light"], self._seed
        allowed: dict[str, Sequence[str]] = {}
        if self._scene.outdoors and not seed.lit:
            allowed["noun"] = lists["day_noun"]
        if seed.dark:
            allowed["tint"] = lists["dark_tint"]
        elif seed.lit or seed.mono:
            allowed["tint"] = lists["plain_tint"]
        return allowed

    def _order_cells(self) -> list[Cell]:
        """Regions from the last to the first to be filled: sides in turn, and levels in turn on each side."""
        draws, scene = self._draws, self._scene
        side, other = draws.pick((("left", "right"), ("right", "left")))
        one, two = ("high", "low") if scene.flat else ("near", "far")
        if draws.below(2):
            one, two = two, one
        order = [Cell(side, one), Cell(other, two), Cell(side, two), Cell(other, one), Cell(side, ""), Cell(other, "")]
        own = Cell("", "")
        if own in scene.spots:
            order.insert(1 + draws.below(3), own)
            order.insert(4, own)
        return order[::-1]
