"""Files that are whole or not there at all."""

import os
import tempfile
from pathlib import Path

from pipelinedoctor.errors import UsageError


def write(path: Path, text: str) -> Path:
    """Put `text` at `path` in one step and return the path; a file that holds this text already is not touched.

    Directories above are made. Raises `UsageError` where the place cannot be written; then what stood there before
    still stands.
    """
    content = text.encode("utf-8")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file() and path.read_bytes() == content:
            return path
        _replace(path, content)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror or error}); name another place") from error
    return path


def _replace(path: Path, content: bytes) -> None:
    # In the same directory, because a rename is atomic only within one file system.
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as temporary:
            temporary.write(content)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
