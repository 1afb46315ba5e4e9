"""`make chaos`: Tollgate under steady load while what it is made of, calls and serves fails; and whether its books are right afterwards.

    town        Tollgate as `make run WORKERS=2` starts it, whose parts may be killed, paused and started again
    cast        a fault's own tenants, keys and budgets
    clients     who calls: a steady load on real sockets, and what each client was told
    guests      clients that behave badly
    faults      what goes wrong, in the order of the table; clock: how the clock is stepped
    reading     what simulator, request log, ledger and Redis have of a cast
    books       compares them: lost, doubled, overspent; pure, so that its own tests can show that it finds each
    course      one fault from the first request to the last look at the books

Among the tests and not the benchmarks, for its result is a verdict and no figure: lost, doubled and overspent must be 0.
"""
