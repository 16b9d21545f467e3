"""What is said about the database (LX-520 … LX-529, LX-580 … LX-582)."""

from __future__ import annotations

from engine.core.catalogue.entry import Entry

CODES = {
    "LX-520": Entry(
        zh="找不到数据库 {path}。",
        en="There is no database at {path}.",
        remedy_zh="新部署请运行 lianxin init；否则检查 LIANXIN_DATABASE_URL 和当前目录（相对路径从当前目录算起）。",
        remedy_en="For a new deployment run `lianxin init`. Otherwise check LIANXIN_DATABASE_URL "
        "and the folder you are in: a relative path counts from there.",
    ),
    "LX-521": Entry(
        zh="数据库 {path} 由更新版本的连心写成（结构版本 {found}，本程序识得 {known}）。",
        en="The database {path} was written by a newer lianxin (schema {found}; this one knows {known}).",
        remedy_zh="请升级连心；数据库未作任何改动。",
        remedy_en="Upgrade lianxin. The database was not touched.",
    ),
    "LX-522": Entry(
        zh="{path} 不是连心的数据库，或已损坏。",
        en="{path} is not a database of lianxin, or it is damaged.",
        remedy_zh="核对 LIANXIN_DATABASE_URL；地址无误则文件已损坏，请保留原件，从备份恢复后运行 lianxin verify。",
        remedy_en="Check LIANXIN_DATABASE_URL. If it is right the file is damaged: keep it, restore a backup "
        "and run `lianxin verify`.",
    ),
    "LX-523": Entry(
        zh="另一进程（{process}）正在写入 {path}；SQLite 数据库同时只由一个进程写入。",
        en="Another process ({process}) writes to {path}; one process at a time writes to a SQLite database.",
        remedy_zh="先停下该进程，或在其中办理；只读的命令不受影响。需要多个进程时请改用 PostgreSQL。",
        remedy_en="Stop that process first, or work through it; commands that only read are not affected. "
        "Use PostgreSQL where several processes must write.",
    ),
    "LX-524": Entry(
        zh="数据库 {path} 不能读写：{reason}。",
        en="The database {path} cannot be read or written: {reason}.",
        remedy_zh="检查目录是否存在、是否可写、磁盘是否已满。已提交的内容没有丢失，本批未写入任何内容。",
        remedy_en="See that the folder exists and can be written to and that the disk is not full. "
        "What was committed is safe; of this batch nothing was written.",
    ),
    "LX-525": Entry(
        zh="SQLite {found} 太旧，至少需要 {needed}：更早的版本可能丢失已提交的内容。",
        en="SQLite {found} is too old, {needed} is needed: earlier ones can lose what was committed.",
        remedy_zh="重新安装连心及其依赖（pysqlite3 自带所需的 SQLite）。",
        remedy_en="Install lianxin with its dependencies again: pysqlite3 brings the SQLite that is needed.",
    ),
    "LX-526": Entry(
        zh="已删除，但有读取者仍占用旧内容，旧字节还在 {path} 的日志文件（-wal）中。",
        en="It is erased, but a reader still holds an older state: the old bytes are in the WAL file beside {path}.",
        remedy_zh="结束长时间的读取（导出、核验、重放）后再次执行删除。",
        remedy_en="Let long readings end (export, verify, replay), then erase once more.",
    ),
    "LX-527": Entry(
        zh="{group} 的分区 {partition} 已由其他工作进程接管（本进程持有 {epoch}，位置 {expected}）；本批未写入。",
        en="Partition {partition} of {group} was taken by another worker (this one held epoch {epoch}, "
        "offset {expected}); nothing of the batch was written.",
        remedy_zh="无需处理：接管者从同一位置继续。反复出现时检查是否有两个进程使用同一名称。",
        remedy_en="Nothing to do: the other one goes on from the same place. If it keeps happening "
        "see whether two processes run under one name.",
    ),
    "LX-528": Entry(
        zh="尚不支持这种数据库：{url}。",
        en="This kind of database is not supported: {url}.",
        remedy_zh="请使用 sqlite:///路径，或 postgresql+psycopg://用户@主机/库名。",
        remedy_en="Use sqlite:///PATH, or postgresql+psycopg://USER@HOST/NAME.",
    ),
    "LX-529": Entry(
        zh="本批所依据的内容已被其他进程改动（事项 {cases} 件，消息 {messages} 条，发文序列 {series} 个）；"
        "未写入任何内容。",
        en="Other processes have moved what this batch was decided on ({cases} cases, {messages} messages, "
        "{series} series of numbers); nothing of it was written.",
        remedy_zh="再试一次即可；工作进程会自行重试。经常出现时，说明多个进程在办理同一批事项：按事项分区。",
        remedy_en="Try again; workers do so by themselves. Where it is frequent, several processes work on the same "
        "cases: see that messages are partitioned by case.",
    ),
    "LX-580": Entry(
        zh="数据库 {path} 的结构较旧（{found}，需要 {needed}），而本次运行不能或不许升级它。",
        en="The schema of {path} is older ({found}; {needed} is needed), and this run may not bring it up to date.",
        remedy_zh="以库的所有者的地址运行一次 lianxin init 或 lianxin run；旧版程序可在新结构上继续运行："
        "先升级结构，再逐个更换进程。",
        remedy_en="Run `lianxin init` or `lianxin run` once with the address of the database's owner. The code before "
        "works on the new schema: bring that up to date first, then exchange the workers one by one.",
    ),
    "LX-581": Entry(
        zh="仍有在运行的工作进程读不懂这一批记录的类型；未写入任何内容。",
        en="A worker that is running cannot read the kind of record this batch would write; nothing was written.",
        remedy_zh="把所有工作进程升级到同一版本；旧进程停止后即可写入。",
        remedy_en="Bring all workers to the same version; once the older ones have stopped it can be written.",
    ),
    "LX-582": Entry(
        zh="提交时与数据库 {path} 的连接中断，且服务器没有及时回来说明结果：{reason}。",
        en="The connection to {path} was lost during a commit, and the server did not come back in time to tell "
        "what became of it: {reason}.",
        remedy_zh="恢复数据库后重启本进程：同一消息再次送达时，按收件箱中的记录回答，不会办理两次。",
        remedy_en="Bring the database back and start this process again: what comes once more is answered from the "
        "inbox, and nothing is done twice.",
    ),
}
