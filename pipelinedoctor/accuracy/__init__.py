"""How often verdicts are right: histories with known truth, what they are scored by, and the table of it."""
