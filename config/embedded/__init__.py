"""PostgreSQL and Redis as child processes, for a Tollgate that needs nothing but Python and make.

Start reading at `session.start`. Nothing here imports Django or its settings, so that the services can run before those
are loaded.

    errors      the one error: a line that tells the reader what to do
    layout      where everything lies below `var/`, and the two URLs; starts nothing
    lock        one live instance per folder
    process     a child that never outlives us: start, watch, stop
    users       the system user PostgreSQL runs as when we are root, and what it must be able to reach
    postgres    PostgreSQL 18 with pgvector
    redis       Redis
    session     both of them together
    checks      services that were brought along: can they be reached, do they have what we need
    house       the other processes: web server, worker, beat, simulator
    restarts    asking a running one to replace its processes
    supervisor  the children of `manage.py up`: start order, restarts, replacements, stop order
"""
