"""A fleet: an organisation's CI drawn as columns, fast enough to draw tens of seeds, with the truth about every failure."""
