"""Fetching from GitHub: github.com, or a GitHub Enterprise Server."""
