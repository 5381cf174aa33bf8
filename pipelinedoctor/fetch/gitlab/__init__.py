"""Fetching from GitLab: gitlab.com, or an instance of one's own."""
