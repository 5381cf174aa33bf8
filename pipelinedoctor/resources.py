"""Where the shipped packs lie: inside the wheel, or at the top of a checkout."""

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).resolve().parent


def shipped(kind: Literal["queries", "reports"]) -> Path:
    """The directory of the shipped pack `kind`."""
    installed = _PACKAGE / "_packs" / kind
    return installed if installed.is_dir() else _PACKAGE.parent / kind
