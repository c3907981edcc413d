"""`unicorn init`: a recipe of one's own, every key with what it means, at its default."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import click
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from unicorn_assets import recipe as recipes
from unicorn_assets.errors import RecipeError
from unicorn_assets.lake.files import write_whole
from unicorn_assets.recipe import CHECKOUT, Recipe, Source

_CHOSEN = {"encoder": {"dtype": "auto"}}
"""What a new recipe has beside the defaults, which are there for recipes that were written before."""

SHIPPED_SEEDS = CHECKOUT / "data" / "seeds" / "open_domain.jsonl"


def init(path: Path, name: str, seeds: Sequence[str]) -> None:
    """Writes a commented recipe.

    Raises:
        RecipeError: the file is there already, or the name cannot be a recipe's.
    """
    if path.exists():
        raise RecipeError(f"{path} is there already.", "give another path, or move it away.")
    text = commented(name, [Path(seed) for seed in seeds] or [SHIPPED_SEEDS])
    recipes.parse(text, where="The new recipe", base=path.absolute().parent)
    write_whole(path, text)
    click.echo(f"Wrote {path}. Look at it, then: unicorn preview --recipe {path} && unicorn run --recipe {path}")


def commented(name: str, seeds: Sequence[Path]) -> str:
    """A recipe's TOML text with a comment at every key; keys at their defaults are commented out."""
    lines = [
        "# Everything that decides what comes out. Keys that are commented out are at their defaults.",
        "# Where and how fast things run is not said here, and changing it makes nothing anew.",
        "",
        "# Lower case; names the release's folder.",
        f"name = {json.dumps(name)}",
        "",
        "# Number of partitions; 50 to 2,000 is comfortable, one is right for a few thousand seeds.",
        "shards = 4",
    ]
    recipe = recipes.adjusted(recipes.load("demo"), seeds=seeds)
    lines += ["", "[seeds]", *_keys(type(recipe.seeds))]
    for source in recipe.seeds.sources:
        given = {"name": source.name, "path": source.path, "licence": source.licence}
        lines += ["", "[[seeds.sources]]", *_keys(Source, given)]
    for section, field in Recipe.model_fields.items():
        kind = _section(field.annotation)
        if kind is not None and section != "seeds":
            lines += ["", f"[{section}]", *_keys(kind, _CHOSEN.get(section))]
            for name, inner in kind.model_fields.items():
                if (part := _section(inner.annotation)) is not None:
                    several = isinstance(inner.default, tuple)
                    header = f"[[{section}.{name}]]" if several else f"[{section}.{name}]"
                    lines += ["", f"# {header}", *_keys(part, defaults=None if several else inner.default)]
    return "\n".join(lines) + "\n"


def _section(annotation: Any) -> type[BaseModel] | None:
    """The model behind a key that is a section, one that may be left out too; None for a plain key."""
    kinds = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]
    return next((kind for kind in kinds if issubclass(kind, BaseModel)), None)


def _keys(
    model: type[BaseModel], given: dict[str, str] | None = None, defaults: BaseModel | None = None
) -> Iterator[str]:
    """The lines of a section; `given` are its values, `defaults` stand where a part has others than its own."""
    for name, field in model.model_fields.items():
        if name == "sources" or _section(field.annotation) is not None:
            continue
        value = given[name] if given and name in given else getattr(defaults, name, field.default)
        if field.description:
            yield f"# {field.description}"
        if given and name in given:
            yield f"{name} = {_toml(value)}"
        else:
            missing = value is None or value is PydanticUndefined
            yield f"# {name} = …" if missing else f"# {name} = {_toml(value)}"


def _toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
