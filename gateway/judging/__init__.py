"""Answers that are judged: set aside, claimed, scored, and what follows for routing. The asking is `gateway.judge_runs`'."""
