"""The shipped table of prices, `queries/prices.toml`: read and checked."""

import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from pipelinedoctor.errors import PackError
from pipelinedoctor.resources import shipped
from pipelinedoctor.stats.prices import BILLED, Price

NAME = "prices.toml"


def shipped_prices(path: Path | None = None) -> tuple[Price, ...]:
    """All prices of the table, in its order; raises `PackError` where a part lacks its source, its day or a sane price."""
    file = path or shipped("queries") / NAME
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    if not isinstance(table.get("version"), str):
        raise PackError(f'{file}: version: the day it was last looked at, as "2026-11-25"')
    return tuple(
        price for number, part in enumerate(table["prices"]) for price in _of(f"{file}: prices.{number}", part)
    )


def _of(where: str, part: dict[str, Any]) -> Iterator[Price]:
    if not (isinstance(part.get("since"), date) and str(part.get("source", "")).startswith("https://")):
        raise PackError(f"{where}: say since which day these prices hold, and the https address they are from")
    if part.get("billed") not in BILLED:
        raise PackError(f"{where}.billed: is one of {', '.join(BILLED)}")
    for label, dollars in part["labels"].items():
        if not isinstance(dollars, int | float) or not 0 <= dollars < 100:
            raise PackError(f"{where}.labels.{label}: is dollars a minute, from 0 to 100")
        yield Price(host=part["host"], label=label, dollars=float(dollars), billed=part["billed"])
