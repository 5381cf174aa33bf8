"""Masked lines that are alike under one template, by Drain (He et al., ICWS 2017), as drain3 has it.

Behind this one function the miner can be changed. Distinct lines only go in, in a fixed order, so that neither the
order of the store nor repetition has a say.
"""

import polars as pl
from drain3 import TemplateMiner
from drain3.template_miner_config import TemplateMinerConfig

from pipelinedoctor.model import Category

MAX_CLUSTERS = 10_000


def mine(lines: pl.DataFrame) -> pl.DataFrame:
    """The template and cluster of each distinct line: `category`, `masked`, `fingerprint`, `template`, `cluster`.

    `lines` has a row for each failure with `category`, `masked`, `fingerprint` (String). Lines of two categories never
    share a cluster. `cluster` is the fingerprint of its most frequent line. Ordered by category and masked line.
    """
    counted = (
        lines.select("category", "masked", "fingerprint")
        .group_by("category", "masked", "fingerprint")
        .len("count")
        .sort("category", "count", "masked", descending=[False, True, False])
    )
    parts = [_mined(part) for part in counted.partition_by("category", maintain_order=True)]
    mined = (
        pl.concat(parts) if parts else counted.with_columns(template=pl.col("masked"), cluster=pl.col("fingerprint"))
    )
    return mined.drop("count").sort("category", "masked")


def _mined(lines: pl.DataFrame) -> pl.DataFrame:
    """Templates within one category; the first line of a cluster is its most frequent one."""
    miner = _miner(names_tests=lines["category"][0] == Category.TEST)
    templates: dict[int, str] = {}
    heads: dict[int, str] = {}
    numbers: list[int] = []
    for masked, fingerprint in lines.select("masked", "fingerprint").iter_rows():
        added = miner.add_log_message(masked)
        number = int(added["cluster_id"])
        templates[number] = str(added["template_mined"])
        heads.setdefault(number, fingerprint)
        numbers.append(number)
    return lines.with_columns(
        pl.Series("template", [templates[number] for number in numbers], pl.String),
        pl.Series("cluster", [heads[number] for number in numbers], pl.String),
    )


def _miner(*, names_tests: bool) -> TemplateMiner:
    """A miner with Drain's usual settings; for lines that name tests one that takes no two names for one.

    Such a line differs from that of another test in one word among many. So its first three words must be equal, digits
    in them or not, and four fifths of all its words.
    """
    config = TemplateMinerConfig()
    config.drain_max_clusters = MAX_CLUSTERS
    config.drain_sim_th = 0.8 if names_tests else 0.4
    config.drain_depth = 6 if names_tests else 4
    config.drain_max_children = MAX_CLUSTERS if names_tests else 100
    config.parametrize_numeric_tokens = not names_tests
    return TemplateMiner(config=config)
