"""What is the matter with a tenant's traffic, found in the rollups, the votes and the circuit breakers, and told as alerts.

`deciding`, `shares`, `spending` and `drops` are the statistics: no I/O, no clock, so that a year can be played through in a test. `evidence`
reads what they judge, `watching` opens and closes the episodes, `sentences` says it to people.
"""
