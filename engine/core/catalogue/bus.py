"""What is said about Kafka (LX-550 … LX-559)."""

from __future__ import annotations

from engine.core.catalogue.entry import Entry

CODES: dict[str, Entry] = {
    "LX-550": Entry(
        zh="连接不上 Kafka {servers}：{reason}。",
        en="Kafka at {servers} cannot be reached: {reason}.",
        remedy_zh="请确认代理在运行、LIANXIN_BUS 中的地址与端口正确、网络可达；本机试用可运行 deploy/kafka/start。",
        remedy_en="See that the broker runs, that address and port in LIANXIN_BUS are right, and the network. "
        "To try it on this machine: deploy/kafka/start.",
    ),
    "LX-551": Entry(
        zh="Kafka 不许此用户操作 {what}：{reason}。",
        en="Kafka does not let this user at {what}: {reason}.",
        remedy_zh="请由 Kafka 管理员为此用户授权：intake 主题读取，case-events、case-sealed、dead-letters 主题写入，"
        "消费组读取。",
        remedy_en="Ask Kafka's administrator for rights: to read the intake topic and the group, to write to "
        "case-events, case-sealed and dead-letters.",
    ),
    "LX-552": Entry(
        zh="主题 {topic} 的 {setting} 为 {found}，必须为 {needed}。",
        en="The topic {topic} has {setting}={found}; it must be {needed}.",
        remedy_zh="收到时间由代理记录才可信：请以 kafka-configs --alter 改正，再启动。",
        remedy_en="Only the broker's own time of arrival can be believed. Set it with `kafka-configs --alter`, then "
        "start again.",
    ),
    "LX-553": Entry(
        zh="没有主题 {topic}，也未能创建：{reason}。",
        en="There is no topic {topic}, and it could not be created: {reason}.",
        remedy_zh="请由 Kafka 管理员创建（分区数见 kafka.partitions），"
        "intake 主题须设 message.timestamp.type=LogAppendTime。",
        remedy_en="Ask Kafka's administrator to create it (partitions: kafka.partitions); the intake topic needs "
        "message.timestamp.type=LogAppendTime.",
    ),
    "LX-554": Entry(
        zh="Kafka 设置有误：{reason}。",
        en="The settings for Kafka do not fit: {reason}.",
        remedy_zh="请核对 lianxin.toml 的 [kafka]：所用安全方式需要的用户名、口令文件、证书文件是否齐全可读。",
        remedy_en="Look at [kafka] in lianxin.toml: the user name, password file and certificates that the chosen "
        "security needs must be there and readable.",
    ),
    "LX-555": Entry(
        zh="未安装 {client} 客户端。",
        en="The client {client} is not installed.",
        remedy_zh="请安装 lianxin[confluent]，或将 kafka.client 改回 kafka-python。",
        remedy_en="Install lianxin[confluent], or set kafka.client back to kafka-python.",
    ),
    "LX-556": Entry(
        zh="Kafka 报告无法处理的错误：{reason}。",
        en="Kafka reports an error that cannot be passed over: {reason}.",
        remedy_zh="请查看代理的日志；排除后重新启动，已提交的消息不会重复办理。",
        remedy_en="Look at the broker's log. Start again once it is mended: nothing that was committed is done twice.",
    ),
    "LX-557": Entry(
        zh="向 Kafka 发送未得到确认：{reason}。",
        en="Kafka has not acknowledged what was sent: {reason}.",
        remedy_zh="无需处理：引擎会从上次确认之处重发；若持续出现，请查看代理。",
        remedy_en="Nothing need be done: sending goes on from what was acknowledged last. Where it stays so, look at "
        "the broker.",
    ),
}
