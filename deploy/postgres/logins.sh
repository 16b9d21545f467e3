#!/bin/sh
# The logins petitions_owner (brings the schema up to date) and petitions (what the processes use), and the database
# petitions, where they are missing; roles.sql beside this file comes first. Passwords are those of $PGPASSFILE, whose
# lines are `host:port:database:user:password`, none of them with a colon or a backslash in it. Connects as libpq's
# variables say (PGHOST, PGUSER …), as a superuser. May be run again: it sets the passwords anew.
set -eu
here=$(dirname "$0")

password() {
    awk -F: -v user="$1" '$4 == user { print $5; found = 1; exit } END { exit !found }' "$PGPASSFILE" || {
        echo "no line for $1 in $PGPASSFILE" >&2
        return 1
    }
}

owner_password=$(password petitions_owner)
work_password=$(password petitions)
export owner_password work_password # not on a command line, where everybody could read them

psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --dbname postgres --file "$here/roles.sql"
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --dbname postgres <<'SQL'
\set owner_password `printf %s "$owner_password"`
\set work_password `printf %s "$work_password"`
SELECT 'CREATE ROLE petitions_owner LOGIN IN ROLE lianxin_owner'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'petitions_owner') \gexec
SELECT 'CREATE ROLE petitions LOGIN IN ROLE lianxin_app'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'petitions') \gexec
ALTER ROLE petitions_owner PASSWORD :'owner_password';
ALTER ROLE petitions PASSWORD :'work_password';
SELECT 'CREATE DATABASE petitions OWNER petitions_owner ENCODING ''UTF8'' TEMPLATE template0'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'petitions') \gexec
SQL
