"""What is said about the process that writes, imports, dead letters and incidents."""

from __future__ import annotations

from engine.core.catalogue.entry import Entry

CODES: dict[str, Entry] = {
    "LX-380": Entry(
        zh="没有 {number} 号死信。",
        en="There is no dead letter {number}.",
        remedy_zh="lianxin dlq list 列出全部死信及其编号。",
        remedy_en="`lianxin dlq list` shows all dead letters with their numbers.",
    ),
    "LX-381": Entry(
        zh="{number} 号死信已处理（{state}），不能再重试或弃置。",
        en="Dead letter {number} is settled ({state}): it can be neither tried again nor put away.",
        remedy_zh="若仍需重发，请由来源系统以新的消息编号发送。",
        remedy_en="If the message is still wanted, let its source send it under a new id.",
    ),
    "LX-382": Entry(
        zh="修改后的内容只能用于一封死信，这里给了 {count} 封。",
        en="Mended content goes with one dead letter; {count} were given.",
        remedy_zh="一次只指定一个编号，或去掉修改后的内容，按原样重试。",
        remedy_en="Name one number at a time, or leave the content out to try them as they are.",
    ),
    "LX-383": Entry(
        zh="必须说明{what}。",
        en="A {what} must be given.",
        remedy_zh="打开死信须写明目的，弃置须写明理由；二者都记入总账。",
        remedy_en="Opening a dead letter needs a purpose, putting one away a reason; both go on record.",
    ),
    "LX-386": Entry(
        zh="重试 {number} 号死信时程序出错（{error}，{place}），未作任何改动。",
        en="Trying dead letter {number} again met a fault of ours ({error} at {place}). Nothing has changed.",
        remedy_zh="请将错误类型和位置报告给开发者；死信仍然保留。",
        remedy_en="Report the type and the place to the developers. The dead letter is kept.",
    ),
    "LX-430": Entry(
        zh="事项 {case_id} 未被隔离。",
        en="Case {case_id} is not in quarantine.",
        remedy_zh="lianxin doctor 列出被隔离的事项。",
        remedy_en="`lianxin doctor` lists the cases in quarantine.",
    ),
    "LX-431": Entry(
        zh="事项 {case_id} 隔离的原因仍在（{error}，{place}），未作任何改动。",
        en="What case {case_id} is in quarantine for is still there ({error} at {place}). Nothing has changed.",
        remedy_zh="修复程序或流程后再解除隔离；其消息都在等候，一条不少。",
        remedy_en="Mend the program or the workflow first. Its messages wait, and none is lost.",
    ),
    "LX-432": Entry(
        zh="总序 {position} 之 {ordinal} 没有未关闭的异常。",
        en="No incident is open at position {position}, number {ordinal}.",
        remedy_zh="lianxin doctor 列出未关闭的异常。",
        remedy_en="`lianxin doctor` lists the incidents that are open.",
    ),
    "LX-433": Entry(
        zh="这条异常表示事项 {case_id} 被隔离，须解除隔离，不能直接关闭。",
        en="This incident says that case {case_id} is in quarantine: release the case instead of closing it by hand.",
        remedy_zh="修复原因后解除隔离，异常随之关闭，等候的消息随之办理。",
        remedy_en="Mend the cause and release the case; that closes the incident and takes up the messages that wait.",
    ),
    "LX-434": Entry(
        zh="身份库中没有事项 {case_id} 的 {person}。",
        en="The vault holds nothing of {person} in case {case_id}.",
        remedy_zh="可能已经删除；请核对事项编号。",
        remedy_en="It may have been erased already; check the case's id.",
    ),
    "LX-530": Entry(
        zh="时钟文件 {path} 读不出时刻：{reason}。",
        en="The clock file {path} holds no instant: {reason}.",
        remedy_zh="写入带时区的时刻，如 2026-04-01T09:00:00+08:00。此设置只供测试。",
        remedy_en="Write an instant with its offset, e.g. 2026-04-01T09:00:00+08:00. This setting is for tests alone.",
    ),
    "LX-531": Entry(
        zh="SQLite 数据库只由一个进程写入：不能单独运行 {what}。",
        en="One process writes to a SQLite database: `run {what}` cannot run by itself.",
        remedy_zh="用 lianxin run all；要分开运行多个进程，请改用 PostgreSQL（LIANXIN_DATABASE_URL）。",
        remedy_en="Use `lianxin run all`; for several processes move to PostgreSQL (LIANXIN_DATABASE_URL).",
    ),
    "LX-532": Entry(
        zh="引擎正在停止，请求未办理。",
        en="The worker is stopping; the request was not carried out.",
        remedy_zh="引擎重新运行后，以同一消息编号再发一次。",
        remedy_en="Send it again under the same id once the worker runs again.",
    ),
    "LX-533": Entry(
        zh="本机请求过大或不成形（{size} 字节，上限 {max}）。",
        en="A local request is too large, or is none ({size} bytes; at most {max}).",
        remedy_zh="分成较小的批次再发。",
        remedy_en="Send smaller batches.",
    ),
    "LX-534": Entry(
        zh="引擎在答复之前断开了（{path}），不知是否已经办理。",
        en="The worker went away before it answered ({path}); whether it was done is not known.",
        remedy_zh="以同一消息编号再发一次：已办理的会答复为重复，不会办理两次。导入请重新运行同一命令。",
        remedy_en="Send the same again under the same id: what was done is answered as a duplicate. An import is "
        "started again.",
    ),
    "LX-535": Entry(
        zh="引擎不认识请求 {name}（{known}）。",
        en="The worker does not know the request {name} ({known}).",
        remedy_zh="命令行与正在运行的引擎版本不同，请用同一版本。",
        remedy_en="The command line and the running worker are of different versions; use the same one.",
    ),
    "LX-537": Entry(
        zh="收件目录 {path} 读不出：{reason}。",
        en="The intake folder {path} cannot be read: {reason}.",
        remedy_zh="请确认目录及其中文件属于运行连心的用户且可读；在此之前时钟等候收件。",
        remedy_en="See that the folder and its files can be read by the user that runs lianxin. Until then the clocks "
        "wait for the intake.",
    ),
    "LX-538": Entry(
        zh="没有流程 {name}；现有：{known}。",
        en="There is no workflow {name}; there are: {known}.",
        remedy_zh="请在映射文件中改正 workflow，或先安装该流程。",
        remedy_en="Correct `workflow` in the map, or install the workflow first.",
    ),
    "LX-539": Entry(
        zh="没有进行中的导入 {partition}。",
        en="No import {partition} is on its way.",
        remedy_zh="请核对名称；已完成的导入无需放弃。",
        remedy_en="Check the name; an import that is complete need not be given up.",
    ),
}
