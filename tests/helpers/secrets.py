"""Secrets of many kinds, drawn anew for each place that one is planted in, so that what leaks tells where it came from.

Put together here, so that no text of a secret's shape stands in the source.
"""

import base64
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from urllib.parse import quote

Draw = Callable[[int], str]
_MIXED = string.ascii_letters + string.digits
_MADE: Mapping[str, Callable[[Draw], tuple[str, str]]] = {
    "GitHub classic": lambda draw: _shaped("gh" + "p_{}", draw(36)),
    "GitHub fine-grained": lambda draw: _shaped("github" + "_pat_{}", f"{draw(22)}_{draw(59)}"),
    "GitHub app": lambda draw: _shaped("gh" + "s_{}", draw(36)),
    "GitHub OAuth": lambda draw: _shaped("gh" + "o_{}", draw(36)),
    "GitHub app's user": lambda draw: _shaped("gh" + "u_{}", draw(36)),
    "GitHub refresh": lambda draw: _shaped("gh" + "r_{}", draw(76)),
    "GitLab personal": lambda draw: _shaped("gl" + "pat-{}", draw(20)),
    "GitLab personal, routable": lambda draw: _shaped("gl" + "pat-{}", f"{draw(27)}.01.{draw(9)}"),
    "GitLab job": lambda draw: _shaped("gl" + "cbt-64_{}", draw(20)),
    "GitLab deploy": lambda draw: _shaped("gl" + "dt-{}", draw(20)),
    "GitLab runner": lambda draw: _shaped("gl" + "rt-t1_{}", draw(20)),
    "GitLab runner registration": lambda draw: _shaped("GR" + "1348941{}", draw(20)),
    "AWS key id": lambda draw: _shaped("AK" + "IA{}", draw(16).upper()),
    "AWS secret": lambda draw: _shaped("AWS_SECRET_ACCESS_KEY={}", f"{draw(20)}/{draw(19)}"),
    "Google": lambda draw: _shaped("AI" + "za{}", draw(35)),
    "Slack": lambda draw: _shaped("xo" + "xb-123456789012-{}", draw(24)),
    "Slack webhook": lambda draw: _shaped("https://hooks.slack.com/services/" + "T01234567/B01234567/{}", draw(24)),
    "npm": lambda draw: _shaped("np" + "m_{}", draw(36)),
    "PyPI": lambda draw: _shaped("py" + "pi-AgEIcHlwaS5vcmc{}", draw(60)),
    "JWT": lambda draw: _shaped("ey" + "JhbGciOiJIUzI1NiJ9.ey" + "JzdWIiOiIxIn0.{}", draw(43)),
    "private key": lambda draw: _shaped(
        "-----BEGIN RSA PRIVATE " + "KEY-----{}-----END RSA PRIVATE " + "KEY-----", draw(64)
    ),
    "user in URL": lambda draw: _shaped("https://ada:{}@registry.example/x", draw(12)),
    "basic authorization": lambda draw: _encoded("Authorization: Basic {}", f"ada:{draw(12)}"),
    "bearer": lambda draw: _shaped("curl -H 'Authorization: Bearer {}'", draw(30)),
    "Azure signature": lambda draw: _signed(draw(43)),
    "Azure connection": lambda draw: _shaped("AccountName=a;AccountKey={}==;EndpointSuffix=core.windows.net", draw(86)),
    "Stripe": lambda draw: _shaped("s" + "k_live_{}", draw(24)),
    "password": lambda draw: _shaped("password={}", f"hunter{draw(6)}"),
}
KINDS = tuple(_MADE)


def _shaped(text: str, core: str) -> tuple[str, str]:
    return text.format(core), core


def _encoded(text: str, plain: str) -> tuple[str, str]:
    return _shaped(text, base64.b64encode(plain.encode()).decode().rstrip("="))


def _signed(core: str) -> tuple[str, str]:
    return f"https://a.blob.core.windows.net/c/f?sv=2022-11-02&sp=r&sig={core}{quote('=')}", core


@dataclass(slots=True)
class Planted:
    """The secrets that were planted: what must be found nowhere, by kind and place."""

    cores: dict[tuple[str, str], str] = field(default_factory=dict)

    def secret(self, kind: str, place: str) -> str:
        """A text with a secret of a kind, for a place, which always has the same."""
        random = Random(f"{kind}, {place}")
        text, core = _MADE[kind](lambda length: "".join(random.choices(_MIXED, k=length)))
        self.cores[kind, place] = core
        return text

    def found(self, written: bytes) -> list[str]:
        """Kind and place of each secret that is in what was written."""
        return [f"{kind} in {place}" for (kind, place), core in self.cores.items() if core.encode() in written]
