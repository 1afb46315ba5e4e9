#!/usr/bin/env bash
# A streaming replica: a base backup when the data folder is empty, then a server that follows.
set -euo pipefail

if [[ ! -s $PGDATA/PG_VERSION ]]; then
    mkdir -p "$PGDATA"
    chmod 0700 "$PGDATA"
    pg_basebackup --host postgres --username replication --pgdata "$PGDATA" --write-recovery-conf --slot replica --checkpoint fast
fi
exec postgres -c hot_standby=on -c max_connections=300 -c max_standby_streaming_delay=30s
