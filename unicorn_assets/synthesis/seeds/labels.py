"""Domain labels in templates: a TOML file of domains becomes captions such as "An image of a delicious laksa"."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from unicorn_assets.errors import SeedError
from unicorn_assets.identity import row_seed, sample_id
from unicorn_assets.recipe import Source
from unicorn_assets.section import explain
from unicorn_assets.synthesis.seeds.files import lines
from unicorn_assets.synthesis.seeds.rows import MAX_ROW_BYTES, Row, SetAside, excerpt

_PLACE = re.compile(r"\{(a )?label\}")
# Spelling tells the sound of most words. The rest: vowels that sound as "y" or "w", a silent h, numbers that begin with
# "eight" or "eleven", letters read one by one.
_CONSONANT_SOUND = re.compile(r"(?:uni(?!n|m)|us[aeu]|ut[ei]|ub|uk|ur[aeio]|eu|ew|one\b|once\b|ouija)", re.IGNORECASE)
_VOWEL_SOUND = re.compile(r"hour|honest|honou?r|heir|8|1[18](?!\d)|[aeiouáéíóúàèäëöåæø]", re.IGNORECASE)
_SPELT_OUT = re.compile(r"(?:[A-Z]{2,}|[A-Z])(?![A-Za-z])")


class _Domain(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(pattern=r"\S")
    labels: list[str] = Field(min_length=1)
    templates: list[str] = Field(min_length=1)

    @field_validator("labels", "templates")
    @classmethod
    def _distinct(cls, values: list[str]) -> list[str]:
        if not all(value.strip() for value in values):
            raise ValueError("one of them is empty")
        _refuse_twice(values)
        return values

    @field_validator("templates")
    @classmethod
    def _one_place(cls, templates: list[str]) -> list[str]:
        for template in templates:
            if len(_PLACE.findall(template)) != 1 or re.search(r"[{}]", _PLACE.sub("", template)):
                raise ValueError(f"{template!r} needs exactly one {{label}} or {{a label}}, and no other braces")
        return templates


class _Domains(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    domains: list[_Domain] = Field(min_length=1)

    @field_validator("domains")
    @classmethod
    def _distinct(cls, domains: list[_Domain]) -> list[_Domain]:
        _refuse_twice([domain.name for domain in domains])
        return domains


def _refuse_twice(values: list[str]) -> None:
    value, times = Counter(values).most_common(1)[0]
    if times > 1:
        raise ValueError(f"{value!r} is given twice")


def rows(source: Source) -> Iterator[Row | SetAside]:
    """Each label in each of its domain's templates, numbered in the order of the file; the topic is the domain.

    For each label `source.templates` templates are drawn by the hash of the caption that they make, so that neither the
    order of the file nor a further label changes a draw. The others are set aside as not selected.

    Raises:
        SeedError: the file cannot be read, or is no list of domains; names every wrong key.
    """
    number = 0
    for domain in _read(source).domains:
        for label in domain.labels:
            captions = [filled(template, label) for template in domain.templates]
            drawn = sorted(captions, key=lambda text: (row_seed(sample_id(text), "template"), text))[: source.templates]
            for text in captions:
                number += 1
                if text in drawn:
                    yield Row(number, text, topic=domain.name)
                else:
                    detail = f"templates = {source.templates} for each label"
                    yield SetAside(number, "not_selected", "template_not_drawn", detail, excerpt(text))


def filled(template: str, label: str) -> str:
    """A template with its label; `{a label}` brings the article, a capital one where it begins the caption."""

    def put(place: re.Match[str]) -> str:
        if not place[1]:
            return label
        words = f"{article(label)} {label}"
        return words[0].upper() + words[1:] if place.start() == 0 else words

    return _PLACE.sub(put, template)


def article(label: str) -> str:
    """`a` or `an`, by the sound that a label begins with, told from its spelling."""
    if spelt := _SPELT_OUT.match(label):
        return "an" if spelt[0][0] in "AEFHILMNORSX" else "a"
    if _CONSONANT_SOUND.match(label):
        return "a"
    return "an" if _VOWEL_SOUND.match(label) else "a"


def _read(source: Source) -> _Domains:
    text = []
    for number, line in lines(Path(source.path)):
        if len(line) > MAX_ROW_BYTES:
            raise SeedError(f"Line {number} of {source.path} is over 1 MiB.", "give a labels file, in TOML.")
        text.append(line)
    try:
        return _Domains.model_validate(tomllib.loads(b"\n".join(text).decode("utf-8")))
    except UnicodeDecodeError:
        raise SeedError(f"The labels file {source.path} is not UTF-8 text.", "save it as UTF-8.") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SeedError(
            f"The labels file {source.path} is not valid TOML: {error}.", "correct the line that it names."
        ) from None
    except ValidationError as error:
        raise SeedError(
            f"The labels file {source.path} is wrong.\n{explain(error)}", "correct the keys above."
        ) from None
