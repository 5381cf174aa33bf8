"""Pure functions, each with the source of its method."""
