"""How a command ends: with its exit code, and every error as one line."""

import errno
import functools
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import ParamSpec

import typer

from pipelinedoctor.errors import PipelinedoctorError, UsageError
from pipelinedoctor.terminal import Formatter, plain

INTERNAL, INTERRUPTED = 70, 130

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
"""Faults of a disk, which need not name a file."""
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

P = ParamSpec("P")


def guarded(command: Callable[P, int]) -> Callable[P, None]:
    """Let a command end with its exit code, and every error as one line."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        verbose = bool(kwargs.get("verbose"))
        # A CI that cancels a job sends SIGTERM first: what was fetched is committed, as on Ctrl-C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            _log(verbose=verbose)
            code = command(*args, **kwargs)
        except PipelinedoctorError as error:
            code = tell(error)
        except KeyboardInterrupt:
            _err("pipelinedoctor: interrupted; what was fetched is kept, and the next fetch goes on from there")
            code = INTERRUPTED
        except BrokenPipeError:
            sys.stderr.close()
            code = 0
        except Exception as error:  # noqa: BLE001  the last door: one line instead of a bare traceback
            code = _unforeseen(error, verbose=verbose)
        raise typer.Exit(code)

    return run


def worst(errors: Iterable[PipelinedoctorError]) -> int:
    """Tell all errors; the highest of their exit codes, 0 where there is none."""
    return max((tell(error) for error in errors), default=0)


def tell(error: PipelinedoctorError) -> int:
    """Tell an error; its exit code."""
    _err(f"pipelinedoctor: {error}")
    return error.exit_code


def _unforeseen(error: Exception, *, verbose: bool) -> int:
    if verbose:
        _err("".join(traceback.format_exception(error)))
    if isinstance(error, OSError) and (error.filename is not None or error.errno in _FULL):
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        _err(f"pipelinedoctor: {where}cannot be used: {error.strerror}")
        return UsageError.exit_code
    said = " ".join(str(error).split())[:300]
    _err(f"pipelinedoctor: internal error: {type(error).__name__}: {said} (--verbose shows where)")
    return INTERNAL


def _log(*, verbose: bool) -> None:
    level = "DEBUG" if verbose else os.environ.get("PIPELINEDOCTOR_LOGLEVEL", "ERROR").upper()
    if level not in _LEVELS:
        raise UsageError(f"PIPELINEDOCTOR_LOGLEVEL={level[:40]}: no such level; known are: {', '.join(_LEVELS)}")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Formatter())
    logging.basicConfig(handlers=[handler], level=level)


def _err(text: str) -> None:
    typer.echo(plain(text, lines=True), err=True)
