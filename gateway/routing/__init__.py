"""How rules are matched, candidates dropped, and the rest put in order. Pure: no Django, no I/O; `pipeline.router` makes the plan."""
