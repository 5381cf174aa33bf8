"""Finds what is sick in CI pipelines: flaky jobs and tests, failure clusters, lead-time trends."""

__version__ = "0.1.0"
