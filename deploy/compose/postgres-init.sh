#!/usr/bin/env bash
# Once, when the data folder is empty: Tollgate's login, which is no superuser (row-level security binds none of those), its database with
# pgvector, and the replica's login.
set -euo pipefail

psql --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --set password="$TOLLGATE_PASSWORD" <<'SQL'
CREATE ROLE tollgate LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE tollgate OWNER tollgate;
\connect tollgate
CREATE EXTENSION vector;
SQL

if [[ -n ${REPLICATION_PASSWORD:-} ]]; then
    psql --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --set password="$REPLICATION_PASSWORD" <<'SQL'
CREATE ROLE replication LOGIN REPLICATION PASSWORD :'password';
SELECT pg_create_physical_replication_slot('replica');
SQL
    echo 'host replication replication all scram-sha-256' >>"$PGDATA/pg_hba.conf"
fi
