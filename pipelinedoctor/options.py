"""The options that several commands share, each with its help."""

from pathlib import Path
from typing import Annotated, Literal

import typer

ConfigFile = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="The configuration. [default: pipelinedoctor.toml]")
]
Out = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Where the report goes. [default: the configuration's, or pipelinedoctor-report]"),
]
Formats = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="FORMATS",
        help="html, markdown, json: one or several, with commas. [default: the configuration's, or all]",
    ),
]
AsOf = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Report as of this time, in UTC. [default: now, or a recording's end]"),
]
WindowOption = Annotated[
    str | None,
    typer.Option(
        "--window", metavar="SPAN", help="What findings speak of, as 30d or 4w. [default: the configuration's, or 30d]"
    ),
]
Queries = Annotated[
    list[Path] | None,
    typer.Option(metavar="DIR", help="A directory of your own questions and rules; may be given several times."),
]
Templates = Annotated[
    list[Path] | None,
    typer.Option(metavar="DIR", help="A directory of your own templates; may be given several times."),
]
FailOn = Annotated[
    Literal["critical", "high", "medium", "low"] | None,
    typer.Option(
        metavar="SEVERITY",
        help="Exit with 1 when a finding is as severe as this, or more: critical, high, medium, low.",
    ),
]
Since = Annotated[str, typer.Option(metavar="SPAN", help="How far back: a span as 90d, or a date.")]
MaxRequests = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Stop after so many requests; the next fetch goes on.")
]
MaxWait = Annotated[
    str,
    typer.Option(
        "--max-wait", metavar="SPAN", help="Wait so long for a limit of the forge to end, as 60s, 10m or 1h; else stop."
    ),
]
Detail = Annotated[
    Literal["outcomes", "sampled", "full"] | None,
    typer.Option(
        metavar="LEVEL",
        help="How much to read of jobs that succeeded at once: outcomes, sampled, full. [default: the configuration's]",
    ),
]
AllowPartial = Annotated[
    bool, typer.Option("--allow-partial", help="End with 0 though a forge was not read to the end.")
]
Silence = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log what is done; show where an internal error lies.")]
