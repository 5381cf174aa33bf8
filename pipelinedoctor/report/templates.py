"""The Jinja environments: where templates are looked for, and what every expression in one passes through."""

import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError, TemplateSyntaxError

from pipelinedoctor import units
from pipelinedoctor.errors import PackError
from pipelinedoctor.report import costs, view
from pipelinedoctor.resources import shipped


def environment(directories: Sequence[Path], finalize: Callable[[Any], Any]) -> Environment:
    """An environment for one format; the user's `directories` come before the shipped templates.

    `finalize` makes text safe for the format and returns `Markup`; in HTML autoescape does the rest.
    Raises `PackError` for a directory that is not there or is not shaped like `reports/`.
    """
    for directory in directories:
        if not directory.is_dir():
            raise PackError(f"{directory}: no such directory of templates; name one with --templates DIR")
        if not any((directory / known.name).is_dir() for known in shipped("reports").iterdir()):
            raise PackError(
                f"{directory}: holds no templates; put them into html/ or markdown/ in it, as `reports/` does"
            )
    made = Environment(
        loader=FileSystemLoader([*directories, shipped("reports")]),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    writers = (
        units.count,
        units.counted,
        units.share,
        units.duration,
        units.minutes,
        units.dollars,
        units.day,
        units.time,
    )
    readers = (
        view.repository,
        view.place,
        view.where,
        view.seen,
        view.interval,
        view.sure,
        costs.cost,
        costs.spent,
        costs.elsewhere,
        costs.paid,
        costs.people,
        costs.interrupted,
        costs.avoidable,
        view.tally,
        costs.waited,
        view.missing,
        view.outcomes_only,
        view.unread,
    )
    made.filters.update({function.__name__: function for function in (*writers, *readers)})
    return made


def render(made: Environment, name: str, facts: dict[str, Any]) -> str:
    """The text of the template `name`. Raises `PackError` with file and line where a template does not work."""
    try:
        return made.get_template(name).render(facts)
    except TemplateError as error:
        raise PackError(
            f"{_place(error, name)}: {type(error).__name__}: {error.message or 'it is not there'}"
        ) from error
    except Exception as error:
        place = _place(error, name)
        if place == name or place.startswith(str(shipped("reports"))):
            raise
        raise PackError(f"{place}: {type(error).__name__}: {error}") from error


def _place(error: Exception, name: str) -> str:
    if isinstance(error, TemplateSyntaxError):
        return f"{error.filename or error.name or name}, line {error.lineno}"
    # What fails while it runs does not know its place, but the innermost frame in a template does.
    frames = [one for one in traceback.extract_tb(error.__traceback__) if one.filename.endswith(".jinja")]
    return f"{frames[-1].filename}, line {frames[-1].lineno}" if frames else name


def source(made: Environment, name: str) -> str:
    """The text of a file beside the templates, as it stands there."""
    if made.loader is None:
        raise PackError(f"{name}: the environment has no loader")
    return made.loader.get_source(made, name)[0]
