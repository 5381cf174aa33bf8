"""Fetchers: what knows an API and hands on rows; one file an implementation."""
