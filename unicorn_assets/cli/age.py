"""An age on the command line, as `30d`."""

from datetime import timedelta

import click

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
LONGEST = 4
"""Digits; 9,999 weeks ago there was no computer."""


def age(context: click.Context, option: click.Parameter, value: str) -> timedelta:
    """The time span that a text such as `90m`, `12h`, `30d` or `2w` means; the callback of an option.

    Raises:
        BadParameter: it means none.
    """
    number, unit = value[:-1], value[-1:]
    if not number.isdecimal() or unit not in UNITS:
        raise click.BadParameter(f"{value!r} is no age. Write it as 90m, 12h, 30d or 2w.", context, option)
    if len(number) > LONGEST:
        raise click.BadParameter(f"{value!r} is too long.", context, option)
    return timedelta(**{UNITS[unit]: int(number)})
