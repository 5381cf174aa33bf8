"""What a server of the loopback forge puts on the wire."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sent:
    """An answer. One that is `cut` ends before the length it claims; one that is `mute` never comes: the connection ends.

    Before either, `pause` seconds pass.
    """

    status: int
    body: bytes
    headers: Mapping[str, str]
    cut: bool = False
    mute: bool = False
    pause: float = 0
