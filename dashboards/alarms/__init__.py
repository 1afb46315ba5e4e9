"""What is the matter with a tenant's traffic, found in the rollups, the votes and the circuit breakers, and told as alerts.

`deciding`, `shares`, `spending`, `drops` and `breaking` are the statistics: no I/O, no clock, so that a year can be played through in a
test. `evidence` and `fleet` read what they judge, `findings` puts both together, `sentences` says it to people, `watching` opens and
closes the episodes.
"""
