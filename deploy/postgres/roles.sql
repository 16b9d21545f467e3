-- The two roles of a PostgreSQL database of lianxin. Run once, as a superuser, before `lianxin` makes its tables:
--     psql -f deploy/postgres/roles.sql
-- Then make logins of your own, and the database:
--     CREATE ROLE petitions_owner LOGIN PASSWORD '…' IN ROLE lianxin_owner;      -- brings the schema up to date
--     CREATE ROLE petitions LOGIN PASSWORD '…' IN ROLE lianxin_app;              -- what the workers use
--     CREATE DATABASE petitions OWNER petitions_owner ENCODING 'UTF8' TEMPLATE template0;
--
-- lianxin_app may read everything and add to the log, and has no right to change or remove a record of it. What it may
-- do in each table is granted with the migrations (engine/store/migrate.py). All workers of one database log in as one
-- role: a worker ends the connection of another that holds the append lock for more than 3 s, and may do that to
-- sessions of its own role only.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianxin_owner') THEN
        CREATE ROLE lianxin_owner NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianxin_app') THEN
        CREATE ROLE lianxin_app NOLOGIN;
    END IF;
END $$;
