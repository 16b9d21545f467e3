"""Keys of other systems, and answers that are to be given again.

Revision ID: 0002
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the file of statements beside this one, as it is."""
    sql = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    op.get_bind().exec_driver_sql(sql)


def downgrade() -> None:
    """Keys and kept answers are gone then; the log still says which keys there were."""
    op.drop_table("kept_answer")
    op.drop_table("api_key")
