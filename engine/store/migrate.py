"""Bringing a PostgreSQL database's schema up to date: Alembic's migrations, in one transaction, one process at once.

A migration is written so that the code before it still works on what it leaves: columns are added, functions get a new
name. So workers are exchanged one by one, after the schema.
"""

from __future__ import annotations

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

UPGRADE_LOCK = 20261
"""Advisory lock of whoever brings the schema up to date."""
APPLICATION_ROLE = "lianxin_app"
"""deploy/postgres/roles.sql makes it; where it is, it may do what the application does, and no more."""
GRANTS = f"""
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {APPLICATION_ROLE};
REVOKE UPDATE, DELETE, TRUNCATE ON log, edition, about, alembic_version FROM {APPLICATION_ROLE};
REVOKE INSERT ON about, alembic_version FROM {APPLICATION_ROLE};
REVOKE DELETE, TRUNCATE ON inbox, "case", deadline, letter, letter_number, followup, incident, tally, dead_letter
    FROM {APPLICATION_ROLE};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {APPLICATION_ROLE};
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {APPLICATION_ROLE};
"""


def newest() -> str:
    """The revision this code was written for."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def current(connection: Connection) -> str | None:
    """The revision a database is at; None where no migration has run."""
    return MigrationContext.configure(connection).get_current_revision()


def known(revision: str) -> bool:
    """Whether this code has the migration; not: a newer lianxin has been here."""
    return any(script.revision == revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def upgrade(connection: Connection) -> None:
    """Run what is missing, inside the caller's transaction. Needs a role that may create tables."""
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({UPGRADE_LOCK})")
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    found = connection.exec_driver_sql(f"SELECT FROM pg_roles WHERE rolname = '{APPLICATION_ROLE}'").fetchone()
    if found is not None:
        connection.exec_driver_sql(GRANTS)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("engine.store") / "migrations"))
    return config
