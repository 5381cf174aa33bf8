"""What can go wrong, each class with its exit code and the docs section that explains it.

The exit codes are a public surface: README lists them, and a test holds the two equal.
"""

from typing import ClassVar


class PipelinedoctorError(Exception):
    """Base of every error a person is meant to read as one line: what is wrong, where, what to do."""

    exit_code: ClassVar[int] = 70
    docs: ClassVar[str] = "internal-error"


class UsageError(PipelinedoctorError):
    """An option, an argument or a file named by one is wrong."""

    exit_code = 2
    docs = "usage"


class ConfigError(UsageError):
    """A key or value of `pipelinedoctor.toml` is wrong; the message names file, key and remedy."""

    docs = "configuration"


class PackError(UsageError):
    """A file in a query or template directory does not keep the contract."""

    docs = "packs"


class ForgeError(PipelinedoctorError):
    """The forge is unreachable or refuses; what was fetched before is kept."""

    exit_code = 3
    docs = "forge"


class BudgetError(ForgeError):
    """A limit was met (`--max-requests`, or the forge's own); the next fetch goes on from here."""

    docs = "limits"


class StoreError(PipelinedoctorError):
    """The store cannot be opened, read or written."""

    exit_code = 4
    docs = "store"


class StoreBusyError(StoreError):
    """Another process holds the store."""

    exit_code = 75
    docs = "store-busy"
