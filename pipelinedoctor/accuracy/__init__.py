"""How often the product's verdicts are right: against simulated truth, and against what real histories tell."""
