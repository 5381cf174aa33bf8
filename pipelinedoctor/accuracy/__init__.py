"""How right the verdicts are: histories whose truth is known, and what is made of them."""
