"""The command line: the only place that prints and chooses implementations; how a command ends is in `guard`.

Heavy modules are imported inside the commands, so that `--help` answers at once.
"""

import io
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelinedoctor import __version__
from pipelinedoctor.errors import ForgeError, UsageError
from pipelinedoctor.guard import guarded, worst
from pipelinedoctor.options import (
    AllowPartial,
    AsOf,
    ConfigFile,
    Detail,
    FailOn,
    Formats,
    MaxRequests,
    MaxWait,
    Out,
    Queries,
    Silence,
    Since,
    Templates,
    Verbose,
    WindowOption,
)
from pipelinedoctor.terminal import plain

if TYPE_CHECKING:
    from pipelinedoctor.commands import Fetched
    from pipelinedoctor.produce import Produced

FINDINGS = 1

app = typer.Typer(
    help="Finds what is sick in your CI pipelines: flaky jobs and tests, failure clusters, lead-time trends.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def about(
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,  # noqa: FBT002
) -> None:
    """Finds what is sick in your CI pipelines: flaky jobs and tests, failure clusters, lead-time trends."""
    if version:
        typer.echo(f"pipelinedoctor {__version__}")
        raise typer.Exit


@app.command("demo")
@guarded
def demo_command(
    recording: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A folder of recorded API bodies, instead of the simulated organisation."),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the store and the report go.")] = Path(
        "pipelinedoctor-demo"
    ),
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the simulated organisation.")] = 1,
    as_of: AsOf = None,
    window: WindowOption = None,
    queries: Queries = None,
    templates: Templates = None,
    fail_on: FailOn = None,
    quiet: Silence = False,  # noqa: FBT002
    verbose: Verbose = False,  # noqa: ARG001, FBT002
) -> int:
    """Fetch a simulated organisation (or a recording) over loopback and report on it. Needs no account, no network."""
    from pipelinedoctor import commands, console, summary  # noqa: PLC0415
    from pipelinedoctor.demo import demo  # noqa: PLC0415

    asked = commands.asked(None, None, as_of, window, queries, templates)
    with console.progress(quiet=quiet) as progress:
        outcome = demo(recording, seed, out, asked, progress)
    if not quiet:
        _say(summary.of_demo(outcome))
    return _above(outcome.produced, fail_on)


@app.command()
@guarded
def init(
    path: Annotated[Path, typer.Argument(help="The file to write.")] = Path("pipelinedoctor.toml"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file where it is there.")] = False,  # noqa: FBT002
) -> int:
    """Write a commented configuration."""
    from pipelinedoctor.config import TEMPLATE  # noqa: PLC0415

    if path.is_dir():
        raise UsageError(f"{path}: is a directory; name the file to write, as {path / 'pipelinedoctor.toml'}")
    if path.exists() and not force:
        raise UsageError(f"{path}: is there already; --force overwrites it")
    try:
        path.write_text(TEMPLATE, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error
    option = "" if path == Path("pipelinedoctor.toml") else f" --config {shlex.quote(str(path))}"
    typer.echo(
        f"wrote {path}: put your repositories in and set the token's variable; "
        f"`pipelinedoctor doctor{option}` tells whether it all fits, then `pipelinedoctor nightly{option}`"
    )
    return 0


@app.command()
@guarded
def fetch(
    config: ConfigFile = None,
    since: Since = "90d",
    max_requests: MaxRequests = None,
    max_wait: MaxWait = "60s",
    detail: Detail = None,
    queries: Queries = None,
    quiet: Silence = False,  # noqa: FBT002
    verbose: Verbose = False,  # noqa: ARG001, FBT002
) -> int:
    """Fetch CI history into the store; goes on where an earlier fetch stopped."""
    from pipelinedoctor import commands, console  # noqa: PLC0415

    wanted = commands.ToFetch(
        config_file=config, since=since, max_requests=max_requests, max_wait=max_wait, detail=detail,
        queries=queries or [],
    )  # fmt: skip
    lines: list[str] = []
    try:
        with console.progress(quiet=quiet) as progress:
            return worst(_told(commands.fetch(wanted, progress), lambda host, came: lines.append(f"{host}: {came}")))
    finally:  # below the bars, and whatever came after these sources
        if lines and not quiet:
            _say("\n".join(lines))


@app.command()
@guarded
def report(
    config: ConfigFile = None,
    out: Out = None,
    formats: Formats = None,
    as_of: AsOf = None,
    window: WindowOption = None,
    queries: Queries = None,
    templates: Templates = None,
    fail_on: FailOn = None,
    quiet: Silence = False,  # noqa: FBT002
    verbose: Verbose = False,  # noqa: ARG001, FBT002
) -> int:
    """Report on what the store holds."""
    from pipelinedoctor import commands, console  # noqa: PLC0415

    asked = commands.asked(config, formats, as_of, window, queries, templates)
    with console.progress(quiet=quiet) as progress:
        produced = commands.report(asked, out, progress)
    return _conclude(produced, fail_on, quiet=quiet)


@app.command()
@guarded
def nightly(
    config: ConfigFile = None,
    since: Since = "90d",
    max_requests: MaxRequests = None,
    max_wait: MaxWait = "60s",
    detail: Detail = None,
    out: Out = None,
    formats: Formats = None,
    as_of: AsOf = None,
    window: WindowOption = None,
    queries: Queries = None,
    templates: Templates = None,
    fail_on: FailOn = None,
    allow_partial: AllowPartial = False,  # noqa: FBT002
    quiet: Silence = False,  # noqa: FBT002
    verbose: Verbose = False,  # noqa: ARG001, FBT002
) -> int:
    """Fetch, then report on what the store holds, even where the fetch fell short; ends with the highest code."""
    from pipelinedoctor import commands, console  # noqa: PLC0415

    asked = commands.asked(config, formats, as_of, window, queries, templates)
    wanted = commands.ToFetch(
        config_file=config, since=since, max_requests=max_requests, max_wait=max_wait, detail=detail,
        queries=asked.queries,
    )  # fmt: skip
    with console.progress(quiet=quiet) as progress:
        code = worst(_told(commands.fetch(wanted, progress), progress.finish))
        produced = commands.report(asked, out, progress)
    if allow_partial and code == ForgeError.exit_code:
        code = 0
    return max(code, _conclude(produced, fail_on, quiet=quiet))


@app.command()
@guarded
def doctor(
    config: ConfigFile = None,
    verbose: Verbose = False,  # noqa: ARG001, FBT002
) -> int:
    """Ask each source a few questions: whether it can be read, with what rights, and what will be absent."""
    from pipelinedoctor import commands, summary  # noqa: PLC0415

    looked, store = commands.doctor(config)
    _say(summary.of_doctor(looked, store))
    return ForgeError.exit_code if any(one.diagnosis.trouble for one in looked) else 0


@app.command("queries")
@guarded
def list_queries(
    queries: Queries = None,
    verbose: Verbose = False,  # noqa: ARG001, FBT002
) -> int:
    """List the questions with their docs and options."""
    from pipelinedoctor import summary  # noqa: PLC0415
    from pipelinedoctor.query import load  # noqa: PLC0415
    from pipelinedoctor.resources import shipped  # noqa: PLC0415

    _say(summary.of_queries(load([shipped("queries"), *(queries or [])])))
    return 0


@app.command()
@guarded
def accuracy(
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the first simulated organisation.")] = 1,
    organisations: Annotated[
        int, typer.Option(min=0, metavar="K", help="How many are drawn, each from the next seed; 0 for none.")
    ] = 10,
    repositories: Annotated[
        int, typer.Option(min=1, metavar="R", help="Repositories of each organisation; fewer are faster.")
    ] = 20,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            envvar="PIPELINEDOCTOR_DATA",
            show_envvar=False,
            help="The folder of real histories. [default: what PIPELINEDOCTOR_DATA names, or none]",
        ),
    ] = None,
    store: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A store of yours: how well its hidden reruns are foretold.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report as Markdown, too.")] = None,
    quiet: Silence = False,  # noqa: FBT002
    verbose: Verbose = False,  # noqa: ARG001, FBT002
) -> int:
    """Measure how often the verdicts are right: on simulated organisations, and on real histories where they are there."""
    from pipelinedoctor import console  # noqa: PLC0415
    from pipelinedoctor.accuracy import command, render  # noqa: PLC0415
    from pipelinedoctor.accuracy.sections import Asked  # noqa: PLC0415
    from pipelinedoctor.simulate.fleet.settings import Settings  # noqa: PLC0415

    if out is not None and not out.resolve().parent.is_dir():
        raise UsageError(f"{out}: no such directory as {out.parent}; make it first")
    with console.progress(quiet=quiet) as progress:
        seeds = tuple(range(seed, seed + organisations))
        organisation = Settings(repositories=repositories)
        asked = Asked(seeds=seeds, organisation=organisation, data=data, store=store, progress=progress)
        command.check(asked)
        sections = command.measured(asked)
    if out is not None:
        command.write(sections, asked, out)
    if not quiet:
        _say(render.text(sections, command.scope(asked)))
    return 0


def _told(fetches: Iterator["Fetched"], tell: Callable[[str, str], object]) -> Iterator[ForgeError]:
    """The errors of fetches; `tell` is told the host of each that began, and what it came to."""
    from pipelinedoctor import summary  # noqa: PLC0415

    for one in fetches:
        if one.summary is not None:
            tell(one.host, summary.of_fetch(one.summary))
        if one.error is not None:
            yield one.error


ingest_app = typer.Typer(help="Take in what other CI wrote.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(ingest_app, name="ingest")


@ingest_app.command("junit")
@guarded
def ingest_junit(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH", help="Reports, zips of them, or directories to look through.", show_default=False
        ),
    ] = None,
    repository: Annotated[str | None, typer.Option(metavar="R", help="The repository, as owner/name.")] = None,
    run: Annotated[
        str | None, typer.Option(metavar="ID", help="The run: its number or name in the repository.")
    ] = None,
    commit: Annotated[str | None, typer.Option(metavar="SHA", help="The commit that was tested.")] = None,
    job: Annotated[str | None, typer.Option(metavar="NAME", help="The job. [default: tests]")] = None,
    branch: Annotated[str | None, typer.Option(metavar="B", help="The branch.")] = None,
    default_branch: Annotated[
        str | None, typer.Option(metavar="B", help="The repository's default branch, told once.")
    ] = None,
    attempt: Annotated[int | None, typer.Option(metavar="N", help="The attempt of the run. [default: 1]")] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="When the job started, in UTC. [default: now]")] = None,
    manifest: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON lines that say all this of many files, instead.")
    ] = None,
    host: Annotated[str, typer.Option(metavar="NAME", help="A name for where the reports come from.")] = "local",
    report_to: Annotated[
        Path | None, typer.Option("--report", metavar="DIR", help="Then report on the store, into this directory.")
    ] = None,
    formats: Formats = None,
    as_of: AsOf = None,
    config: ConfigFile = None,
    quiet: Silence = False,  # noqa: FBT002
    verbose: Verbose = False,  # noqa: ARG001, FBT002
) -> int:
    """Take in reports of tests, of any CI: JUnit, NUnit and xUnit XML, TRX. Give all files of a job in one call."""
    from pipelinedoctor import commands, console  # noqa: PLC0415

    options = {
        "repository": repository,
        "run_id": run,
        "commit": commit,
        "job": job,
        "branch": branch,
        "default_branch": default_branch,
        "attempt": attempt,
        "started_at": at,
    }
    if report_to is None and (formats or as_of):
        raise UsageError("--format and --as-of say what the report is like: name its directory in --report")
    handed = commands.handed(paths or [], manifest, options)
    wanted = commands.asked(config, formats, as_of, None, None, None) if report_to else None
    with console.progress(quiet=quiet) as progress:
        done = commands.ingest(config, host, handed, progress)
        produced = commands.report(wanted, report_to, progress) if wanted else None
    if produced:
        _conclude(produced, None, quiet=quiet)
    return worst(UsageError(f"{one.name}: {one.reason}") for one in done.refused)


def _conclude(produced: "Produced", fail_on: str | None, *, quiet: bool) -> int:
    from pipelinedoctor import summary  # noqa: PLC0415

    if not quiet:
        _say(summary.of_report(produced))
    return _above(produced, fail_on)


def _say(text: str) -> None:
    typer.echo(plain(text, lines=True))


def _above(produced: "Produced", fail_on: str | None) -> int:
    """1 where a finding is as severe as asked; 2 where a question broke, which the report says and does not count as none."""
    from pipelinedoctor.model import Severity  # noqa: PLC0415

    if produced.report.failed_queries:
        return UsageError.exit_code
    if fail_on is None:
        return 0
    ladder = list(Severity)
    severe = ladder[: ladder.index(Severity(fail_on)) + 1]
    return FINDINGS if any(finding.severity in severe for finding in produced.report.findings) else 0


def main() -> Any:
    """The command `pipelinedoctor`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that knows no arrow or umlaut is no reason to break off.
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="pipelinedoctor")
