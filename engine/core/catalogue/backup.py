"""What is said about backup and restore (LX-570 … LX-575)."""

from __future__ import annotations

from engine.core.catalogue.entry import Entry

CODES: dict[str, Entry] = {
    "LX-570": Entry(
        zh="{file} 已存在；备份从不覆盖。",
        en="{file} exists already; a backup never overwrites.",
        remedy_zh="请换一个文件名；给出目录时，文件名按时刻自动取。",
        remedy_en="Choose another name. Where a folder is given, the file is named by the instant.",
    ),
    "LX-571": Entry(
        zh="无法写入 {path}：{reason}。",
        en="{path} cannot be written to: {reason}.",
        remedy_zh="请确认目录存在、可写、磁盘未满；没有留下半个文件，数据库未受影响。",
        remedy_en="See that the folder exists, can be written to and has space. No half of a file was left, and the "
        "database is as it was.",
    ),
    "LX-572": Entry(
        zh="{database} 的副本核验发现 {count} 处异常，未作为备份保存；第一处：{first}。",
        en="The copy of {database} has {count} findings and was not kept as a backup; the first: {first}.",
        remedy_zh="请立即运行 lianxin verify，并保留此前的备份，不要轮换删除；数据库可能已被改动或损坏。"
        "需要保存现场时，停下引擎后复制数据库的全部文件（含 -wal）。",
        remedy_en="Run `lianxin verify` now and keep the backups you have: let nothing rotate them away. The database "
        "was changed or is damaged. To keep it as evidence stop the engine and copy all its files, -wal among them.",
    ),
    "LX-573": Entry(
        zh="{path} 已存在；恢复只写入空的位置。",
        en="{path} is there; a restore goes into an empty place alone.",
        remedy_zh="先停下引擎，把原数据库的全部文件（含 -wal、-shm）移到别处保留，再恢复；"
        "或用 --database-url 恢复到别处。",
        remedy_en="Stop the engine, move all files of the old database (-wal and -shm too) elsewhere and keep them, "
        "then restore; or restore to another place with --database-url.",
    ),
    "LX-574": Entry(
        zh="备份 {file} 核验发现 {count} 处异常，未恢复；第一处：{first}。",
        en="The backup {file} has {count} findings and was not restored; the first: {first}.",
        remedy_zh="核对它的 SHA-256 与备份时所示是否一致；请改用另一份备份。",
        remedy_en="Compare its SHA-256 with the one told when it was made. Use another backup.",
    ),
    "LX-575": Entry(
        zh="PostgreSQL 数据库由它自己的工具备份与恢复（{url}）。",
        en="A PostgreSQL database is backed up and restored with its own tools ({url}).",
        remedy_zh="见 docs/backup.md：pg_basebackup 与 WAL 归档，或 pg_dump。",
        remedy_en="See docs/backup.md: pg_basebackup with WAL archiving, or pg_dump.",
    ),
}
