"""What the command `accuracy` does: all sections in turn, and the page for the docs."""

from pathlib import Path

from pipelinedoctor.accuracy import calibration, healthy, holdout, junit_section, order_section, render, simulated
from pipelinedoctor.accuracy.sections import Asked, Measure, Section
from pipelinedoctor.errors import UsageError
from pipelinedoctor.units import counted

MEASURES: tuple[Measure, ...] = (
    simulated.measure,
    healthy.measure,
    junit_section.measure,
    order_section.measure,
    holdout.measure,
    calibration.measure,
)
"""In the order of the report. What measures something else is added here."""

SETS = ("ozone", "dask_distributed", "flakeflagger")
"""The real data sets that sections read."""


def check(wanted: Asked) -> None:
    """Raise `UsageError` where a folder or file that was named is not there."""
    if wanted.data is not None and not wanted.data.is_dir():
        raise UsageError(
            f"{wanted.data}: no such directory; --data (or PIPELINEDOCTOR_DATA) names the folder of real histories"
        )
    if wanted.store is not None and not wanted.store.is_file():
        raise UsageError(f"{wanted.store}: no such store; `pipelinedoctor fetch` makes one")


def measured(wanted: Asked) -> list[Section]:
    """All sections; raises `UsageError` where a real data set cannot be read."""
    return [section for measure in MEASURES for section in measure(wanted)]


def scope(wanted: Asked) -> str:
    """What was measured, in a sentence without its point."""
    seeds = wanted.seeds
    if seeds:
        which = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"
        size = wanted.organisation.repositories
        of = f"{size} repositories" if size > 1 else "one repository"
        said = f"{counted(len(seeds), 'simulated organisation')} of {of} ({which})"
    else:
        said = "no simulated organisation"
    there = [name for name in SETS if wanted.set(name) is not None]
    away = [name for name in SETS if name not in there]
    if wanted.store is not None:
        said += "; a store"
    parts = [said, f"real histories {', '.join(there)}" if there else "", f"absent {', '.join(away)}" if away else ""]
    return "; ".join(filter(None, parts))


def write(sections: list[Section], wanted: Asked, out: Path) -> None:
    """Write the page as Markdown; raises `UsageError` where the file cannot be written."""
    try:
        out.write_text(render.markdown(sections, scope(wanted)), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror}") from error
