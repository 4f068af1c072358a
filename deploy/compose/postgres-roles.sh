#!/bin/sh
# The two roles of docs/operations/database.md: one owns the tables, one serves and owns nothing.
set -eu

psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" \
    --set owner_password="$OWNER_PASSWORD" --set app_password="$APP_PASSWORD" <<'SQL'
CREATE ROLE bloop_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE bloop_app LOGIN PASSWORD :'app_password' NOSUPERUSER NOBYPASSRLS;
CREATE DATABASE bloop OWNER bloop_owner;
SQL
