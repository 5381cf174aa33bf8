"""What outages did to verdicts, on verdicts written by hand."""

import numpy as np
import polars as pl

from pipelinedoctor.accuracy.organisations import Scored
from pipelinedoctor.accuracy.outages import Pair, pair
from pipelinedoctor.accuracy.scores import NOTHING, Share


def scored(said: str, true: str) -> Scored:
    """An organisation with one letter a test."""
    frames = [
        pl.DataFrame({"test": list(tests)}, schema={"test": pl.String}).select(
            pl.lit("h").alias("host"), pl.lit(1).alias("repository_id"), pl.lit(2).alias("pipeline_id"), "test"
        )
        for tests in (said, true)
    ]
    none = np.zeros(0)
    return Scored(NOTHING, NOTHING, {}, frames[0], frames[1], none, none, None, None, None)


def test_what_is_flaky_in_either_is_not_false() -> None:
    assert pair(scored(said="abx", true="ab"), scored(said="ab", true="abx")) == Pair(0, Share(1, 2))


def test_added_are_false_verdicts_that_were_not_there_without_outages() -> None:
    assert pair(scored(said="abxy", true="abc"), scored(said="acy", true="abc")) == Pair(1, Share(2, 2))


def test_nothing_changed() -> None:
    assert pair(scored(said="ab", true="abc"), scored(said="ab", true="abc")) == Pair(0, Share(0, 2))
