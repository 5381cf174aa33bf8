"""Stages between the store and the questions: what two questions need, or what would make one question too long."""
