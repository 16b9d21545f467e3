"""What is said about keys and the vault (LX-501 … LX-519)."""

from __future__ import annotations

from engine.core.catalogue.entry import Entry

CODES: dict[str, Entry] = {
    "LX-501": Entry(
        zh="找不到密钥文件 {path}。",
        en="There is no key file at {path}.",
        remedy_zh="新部署请运行 lianxin init；已有数据库时请从备份恢复原密钥文件，切勿新建：新密钥打不开旧数据。"
        "位置由 LIANXIN_KEY_FILE 指定。",
        remedy_en="For a new deployment run `lianxin init`. Where a database exists, restore its own key file from the "
        "backup and do not make a new one: it could not read the old data. LIANXIN_KEY_FILE says where the file is.",
    ),
    "LX-502": Entry(
        zh="密钥文件 {path} 的权限为 {mode}，本组或其他用户可以访问。",
        en="The key file {path} has mode {mode}: its group or others can get at it.",
        remedy_zh="运行 chmod 600 {path}；若他人可能已读取过，请报告安全管理员。",
        remedy_en="Run `chmod 600 {path}`. If somebody may have read it, tell your security administrator.",
    ),
    "LX-503": Entry(
        zh="密钥文件 {path} 已损坏，或不是连心的密钥文件。",
        en="The key file {path} is damaged, or it is not a key file of lianxin.",
        remedy_zh="请从备份恢复该文件。文件中的 key_id 由密钥算出，二者不符即为抄录有误。",
        remedy_en="Restore it from the backup. The key_id in the file is computed from the key; if the two disagree, "
        "the copy is wrong.",
    ),
    "LX-504": Entry(
        zh="密钥文件 {path} 中的密钥为 {found} 字节，应为 {expected} 字节。",
        en="The key in {path} has {found} bytes; it must have {expected}.",
        remedy_zh="请从备份恢复该文件；不要手工编辑密钥。",
        remedy_en="Restore the file from the backup; a key is never edited by hand.",
    ),
    "LX-505": Entry(
        zh="{path} 已存在；密钥文件从不覆盖。",
        en="{path} exists already; a key file is never overwritten.",
        remedy_zh="若要使用现有密钥，无需新建；若确要新部署，请另选位置（LIANXIN_KEY_FILE）。",
        remedy_en="To use the existing key nothing needs to be made. For a new deployment choose another place "
        "(LIANXIN_KEY_FILE).",
    ),
    "LX-506": Entry(
        zh="无法写入密钥文件 {path}：{reason}。",
        en="The key file {path} cannot be written: {reason}.",
        remedy_zh="请确认目录存在、可写且磁盘未满，然后重试。",
        remedy_en="See that the directory exists, can be written to, and the disk is not full; then try again.",
    ),
    "LX-507": Entry(
        zh="无法读取密钥文件 {path}：{reason}。",
        en="The key file {path} cannot be read: {reason}.",
        remedy_zh="请确认它是普通文件，且属于运行连心的用户。",
        remedy_en="See that it is a file and belongs to the user that runs lianxin.",
    ),
    "LX-508": Entry(
        zh="密钥文件不属于此数据库：数据库使用 {expected}，文件为 {found}。",
        en="The key file does not belong to this database: it was begun with {expected}, the file is {found}.",
        remedy_zh="请将 LIANXIN_KEY_FILE 指向 key_id 为 {expected} 的文件，或检查数据库地址是否有误。",
        remedy_en="Point LIANXIN_KEY_FILE to the file whose key_id is {expected}, or see whether the database URL "
        "is the wrong one.",
    ),
    "LX-510": Entry(
        zh="封存的内容打不开：已被改动、被移到别处，或由另一密钥封存（当前密钥 {key_id}）。",
        en="A sealed value does not open: it was changed, moved to another place, or sealed with another key "
        "(this one is {key_id}).",
        remedy_zh="先用 lianxin doctor 核对密钥文件；密钥无误则说明数据库被改动，请保留现场并从备份比对。",
        remedy_en="Check the key file with `lianxin doctor` first. If it is the right one, the database was changed: "
        "keep it as it is and compare it with a backup.",
    ),
    "LX-511": Entry(
        zh="事项 {case_id} 的身份库条目（{person}，{field}）打不开：已被改动或被移到别处。",
        en="The vault entry {field} of {person} in case {case_id} does not open: it was changed or moved.",
        remedy_zh="密钥本身无误，说明数据库被改动；请保留现场，从备份恢复该行并报告安全管理员。",
        remedy_en="The key is right, so the database was changed. Keep it as it is, restore the row from a backup and "
        "tell your security administrator.",
    ),
}
