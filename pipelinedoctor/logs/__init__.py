"""Text in, text out: what a log says, without its noise and without its secrets."""
