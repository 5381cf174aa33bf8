"""The verdicts on tests: which were broken on the default branch, which are flaky, and what each failure was.

The order of decision is that of `derive.labels`: infrastructure, broken, passed on the same commit, known to be flaky,
likely genuine. What an earlier stage explains is no evidence for a later one.
"""

from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from pipelinedoctor.derive.flakiness import JOB
from pipelinedoctor.derive.testcases import PLACE, TEST, Tested, passed_in, passes, positions, tested, without_job
from pipelinedoctor.stats.breakages import stretches
from pipelinedoctor.stats.evidence import COMMIT, DEFAULT, Rule, judged
from pipelinedoctor.stats.mass import REPORT
from pipelinedoctor.stats.posterior import FEW_TOGETHER
from pipelinedoctor.store.history import History

IN_A_ROW = 3
"""Failing commits in a row from which none of them stands alone, though the history may be too short to call it broken."""

NEAR = 2
"""A stretch that is broken has two failing commits at most so far apart."""

DAYS_APART = timedelta(days=1)
OTHER_MESSAGE = 0.5
"""Weight of a failure on a change that says something else than the proofs, or nothing."""

EXECUTION = (*REPORT, "test")
_UNIT = (*TEST, "job", "name")
_NAMED = (*JOB, "name")


@dataclass(frozen=True, slots=True)
class TestVerdicts:
    """See the module.

    `units`: a row a test with any evidence: `TEST`, commits, failed, contradicted, isolated (counts of commits), recurring
    (of changes), probability, low, high (95 % of the sum of the three / commits), verdict (flaky, suspected or null).
    `broken`: a row a stretch of commits of the default branch in which a test was broken in a job: `TEST`, job,
    first_bad_sha, cleared_sha (the newest commit before it that is known to be free of it, or null), first_at, last_at
    (runs of the first and last failing commit), until (run of the next passing one, or null), open, failing and runs
    (executions in it), confidence.
    `proofs`: a row a place (`PLACE`) with evidence, newest first: line, failures, first_at, last_at, minutes (each failing
    execution of the job, divided by the tests that failed in it), job_ids and parts of these; run_id, attempt, job_id,
    html_url, message, signature of the last failure, passed_url, by_job, contradicted, isolated, recurring (see
    `_recurring`), weight, together. `places` has the same of all places with a failure outside of mass failures and
    breakages, `known` what they were made from. `totals`: `TEST` and commits (see `_commits`) of each test of these places.
    """

    __test__ = False

    known: Tested
    units: pl.DataFrame
    broken: pl.DataFrame
    proofs: pl.DataFrame
    places: pl.DataFrame
    totals: pl.DataFrame


def test_verdicts(history: History, jobs: pl.DataFrame, rule: Rule) -> TestVerdicts:
    """Of the tests of the window; `jobs` is `flakiness.executions`."""
    known = tested(history, jobs)
    order = positions(known)
    sound = known.failed.filter(~pl.col("mass"), ~pl.col("struck"))
    found = _on_default(history, sound, known, order)
    broken = _broken(found, order)
    evidence = sound.join(inside(sound, broken), on=EXECUTION, how="anti", maintain_order="left")
    places = _places(history, evidence, known, found)
    totals = _commits(places, known)
    units = judged(_by_commit(places), totals, TEST, rule)
    proofs = places.filter(_evident())
    return TestVerdicts(
        known=known,
        units=units.join(proofs, on=TEST, how="semi", maintain_order="left"),
        broken=broken,
        proofs=proofs,
        places=places,
        totals=totals,
    )


test_verdicts.__test__ = False  # type: ignore[attr-defined]


def _evident() -> pl.Expr:
    return pl.col("contradicted") | pl.col("isolated") | pl.col("recurring")


def _on_default(history: History, sound: pl.DataFrame, known: Tested, order: pl.DataFrame) -> pl.DataFrame:
    """Failures on the default branch by test, name of the job and position, and whether the test passed before and after.

    A green execution is a pass where the job's colour tells of the test; else, and where there is none, its report must.
    """
    told = order.with_columns(
        (pl.col("green").cum_sum().over(_NAMED) - pl.col("green")).alias("green_before"),
        (pl.col("green").sum().over(_NAMED) - pl.col("green").cum_sum().over(_NAMED)).alias("green_after"),
    )
    by_job = pl.col("told_by_job")
    failing = (
        sound.filter(pl.col("event_class") == DEFAULT, pl.col("job") != "")
        .group_by(*_UNIT, "commit_sha")
        .agg(pl.len().cast(pl.Int64).alias("failing"), pl.col("told_by_job").first())
        .join(told, on=[*_NAMED, "commit_sha"])
        .with_columns(
            (by_job & (pl.col("green_before") > 0)).alias("passed_before"),
            (by_job & (pl.col("green_after") > 0)).alias("passed_after"),
        )
        .sort(*_UNIT, "position")
    )
    unclear = failing.filter(~pl.col("passed_before") | ~pl.col("passed_after")).select(_UNIT).unique()
    position = pl.col("position")
    return failing.join(
        _passed_by_report(history, unclear, known, order), on=_UNIT, how="left", maintain_order="left"
    ).select(
        *_UNIT, "commit_sha", "position", "at", "failing", "told_by_job",
        (pl.col("passed_before") | (pl.col("first_pass") < position).fill_null(value=False)).alias("passed_before"),
        (pl.col("passed_after") | (pl.col("last_pass") > position).fill_null(value=False)).alias("passed_after"),
    )  # fmt: skip


def _in_a_row() -> pl.Expr:
    """On how many commits in a row the test failed, of which this is one; rows as `_on_default` sorts them."""
    begins = (pl.col("position") - pl.col("position").shift(1).over(_UNIT)).fill_null(2) > 1
    return pl.len().over(*_UNIT, begins.cum_sum().over(_UNIT))


def _passed_by_report(history: History, units: pl.DataFrame, known: Tested, order: pl.DataFrame) -> pl.DataFrame:
    """The positions of the default branch at which the reports of the units first and last tell of a pass."""
    reports = (
        known.jobs.filter(pl.col("event_class") == DEFAULT, "reported")
        .join(order, on=[*_NAMED, "commit_sha"])
        .select(*_NAMED, "position", "run_id", "attempt", "job_id")
        .join(units, on=_NAMED)
    )
    return (
        reports.join(passed_in(history, known, reports), on=EXECUTION, how="semi")
        .group_by(_UNIT)
        .agg(pl.col("position").min().alias("first_pass"), pl.col("position").max().alias("last_pass"))
    )


def _broken(found: pl.DataFrame, order: pl.DataFrame) -> pl.DataFrame:
    schema = {**{name: found.schema[name] for name in _UNIT}, "first_bad_sha": pl.String(), "cleared_sha": pl.String()}
    schema |= dict.fromkeys(("first_at", "last_at", "until"), pl.Datetime("us", "UTC"))
    schema |= {"open": pl.Boolean(), "failing": pl.Int64(), "runs": pl.Int64(), "confidence": pl.Float64()}
    near = (pl.col("position") - pl.col("position").shift(1).over(_UNIT)) <= NEAR
    again = (pl.col("failing") > 1).any()
    candidates = found.filter((near.any() | again).over(_UNIT))
    if candidates.is_empty():
        return pl.DataFrame(schema=schema).drop("name")
    jobs = order.join(candidates, on=_NAMED, how="semi").partition_by(_NAMED, as_dict=True, maintain_order=True)
    rows = [
        row
        for key, one in candidates.partition_by(_UNIT, as_dict=True, maintain_order=True).items()
        for row in _stretches(key, one, jobs[(*key[:3], *key[4:])])
    ]
    return pl.DataFrame(rows, schema=schema, orient="row").sort(*_UNIT, "first_at").drop("name")


def _stretches(key: tuple[object, ...], one: pl.DataFrame, job: pl.DataFrame) -> list[tuple[object, ...]]:
    told = "told" if one["told_by_job"][0] else "reported"
    ran = (
        job.join(one.select("position", "failing"), on="position", how="left", maintain_order="left")
        .with_columns(pl.col("failing").fill_null(0))
        .with_columns(pl.max_horizontal(told, "failing").alias("executions"))
        .filter(pl.col("executions") > 0)
    )
    shas, times = job["commit_sha"], job["at"]
    rows: list[tuple[object, ...]] = []
    found = stretches(str(key[-1]), *(ran[name].to_list() for name in ("position", "failing", "executions")))
    for each in found:
        cleared = shas[each.cleared] if each.ever_passed else None
        until = None if each.passed is None else times[each.passed]
        rows.append(
            (*key, shas[each.first], cleared, times[each.first], times[each.last], until, not each.over,
             each.failures, each.executions, each.confidence)
        )  # fmt: skip
    return rows


def inside(failures: pl.DataFrame, broken: pl.DataFrame) -> pl.DataFrame:
    """The failures made while their test was broken on the default branch."""
    numbered = failures.with_row_index("row")
    rows = (
        numbered.select("row", *TEST, "run_created_at")
        .join(broken.select(*TEST, "first_at", "until"), on=TEST)
        .filter(
            pl.col("run_created_at") >= pl.col("first_at"),
            pl.col("until").is_null() | (pl.col("run_created_at") < pl.col("until")),
        )
    )
    return numbered.join(rows, on="row", how="semi", maintain_order="left").drop("row")


def _places(history: History, evidence: pl.DataFrame, known: Tested, found: pl.DataFrame) -> pl.DataFrame:
    at = pl.coalesce("completed_at", "run_created_at")
    failing = evidence.group_by(PLACE, maintain_order=True).agg(
        pl.col("line").min(),
        pl.col("told_by_job").first(),
        pl.len().cast(pl.Int64).alias("failures"),
        at.min().alias("first_at"),
        at.max().alias("last_at"),
        pl.col("run_id", "attempt", "job_id", "html_url", "message").last(),
        pl.col("job_id").alias("job_ids"),
        (1 / pl.col("together")).alias("parts"),
        (pl.col("minutes") / pl.col("together")).sum().alias("minutes"),
        pl.col("together").min(),
        pl.col("familiar").any(),
        pl.col("signature").last(),
    )
    passed = passes(history, failing.select(*PLACE, "told_by_job"), known)
    # What failed again when the commit was tried again is no evidence.
    alone = found.filter("passed_before", "passed_after", pl.col("failing") == 1, _in_a_row() < IN_A_ROW).select(
        *_UNIT, "commit_sha", pl.lit(DEFAULT).alias("event_class"), pl.lit(value=True).alias("alone")
    )
    return (
        failing.join(passed, on=PLACE, how="left", maintain_order="left")
        .join(alone, on=[*_UNIT, *COMMIT], how="left", maintain_order="left")
        .with_columns(pl.col("passed_url").is_not_null().alias("contradicted"))
        .with_columns(
            (pl.col("alone").fill_null(value=False) & ~pl.col("contradicted").any().over(*TEST, *COMMIT)).alias("isolated"),
            pl.when("familiar").then(1.0).otherwise(FEW_TOGETHER / pl.col("together")).clip(0, 1).alias("weight"),
        )
        .with_columns(_recurring())
        .drop("alone", "familiar", "told_by_job")
        .sort("last_at", "job_id", "test", descending=True)
    )  # fmt: skip


def _recurring() -> tuple[pl.Expr, pl.Expr]:
    """Whether, on a change, it failed once and only failed, days before or after it was proved to be flaky; and its weight,
    which is less where it did not say the same.

    What breaks the default branch also breaks the changes that are made meanwhile, but seldom lasts so long unseen; and what
    a change breaks fails again, and in all jobs.
    """
    once = pl.col("failures").sum().over(*TEST, *COMMIT) == 1
    only_failed = (pl.col("event_class") != DEFAULT) & ~pl.col("contradicted").any().over(*TEST, "line")
    alike = pl.col("signature").is_not_null() & _apart("signature")
    recurring = (only_failed & once & _apart()).fill_null(value=False)
    less = pl.when(recurring & ~alike.fill_null(value=False)).then(OTHER_MESSAGE).otherwise(1.0)
    return recurring.alias("recurring"), (pl.col("weight") * less).alias("weight")


def _apart(*alike: str) -> pl.Expr:
    """Whether a proof of flakiness is more than a day away, of those of the test that are `alike`."""
    proved = pl.when(pl.col("contradicted") | pl.col("isolated")).then("last_at")
    first, last = proved.min().over(*TEST, *alike), proved.max().over(*TEST, *alike)
    return (pl.col("last_at") - first > DAYS_APART) | (last - pl.col("last_at") > DAYS_APART)


def _by_commit(places: pl.DataFrame) -> pl.DataFrame:
    """The places of a test, its jobs taken together: one row for each test and commit."""
    return places.group_by(*TEST, *COMMIT).agg(
        day_of_default(),
        pl.col("contradicted").any(),
        pl.col("isolated").any(),
        pl.col("recurring").any(),
        pl.col("weight").max(),
        pl.col("last_at").max().alias("at"),
    )


def day_of_default() -> pl.Expr:
    """The line of work, where a day of the default branch is one: what breaks in part breaks several commits of a day."""
    day = pl.col("last_at").max().dt.strftime("%F")
    return pl.when(pl.col("event_class").first() == DEFAULT).then(day).otherwise(pl.col("line").min()).alias("line")


def _commits(places: pl.DataFrame, known: Tested) -> pl.DataFrame:
    """`commits`: on how many commits the jobs in which a test failed passed or failed.

    Most failing tests share their jobs with others, so commits are counted once for each set of jobs.
    """
    sets = places.select(*TEST, "job").unique().group_by(TEST).agg(pl.col("job").sort())
    named = sets.with_columns(pl.col("job").list.join("\x1f").alias("set"))
    pipeline_set = [*TEST[:-1], "set"]
    key = [*JOB, *COMMIT]
    nowhere = without_job(known).with_columns(pl.lit("").alias("job"))
    seen = pl.concat([known.jobs.select(key), nowhere.select(key)]).unique()
    size = (
        named.unique(pipeline_set)
        .select(*pipeline_set, "job")
        .explode("job")
        .join(seen, on=JOB)
        .group_by(pipeline_set)
        .agg(pl.struct(COMMIT).n_unique().cast(pl.Int64).alias("commits"))
    )
    return named.join(size, on=pipeline_set).select(*TEST, "commits")
