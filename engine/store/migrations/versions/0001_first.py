"""The first schema: the tables of engine.store.schema, and the functions through which the log is appended to.

Revision ID: 0001
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the file of statements beside this one, as it is."""
    sql = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    op.get_bind().exec_driver_sql(sql)


def downgrade() -> None:
    """There is nothing before the first one."""
    raise NotImplementedError("a log is not unwritten: restore a backup instead")
