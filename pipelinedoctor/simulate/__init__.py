"""An organisation's CI with known truth, and the loopback forge that serves it or any recording."""
