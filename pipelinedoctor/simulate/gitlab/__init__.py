"""A loopback GitLab: recorded answers of its REST API, served as it serves them."""
