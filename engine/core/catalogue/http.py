"""What is said to other systems at the HTTP door, and about their keys (LX-384 … LX-399, LX-560 … LX-565)."""

from __future__ import annotations

from engine.core.catalogue.entry import Entry

CODES: dict[str, Entry] = {
    "LX-384": Entry(
        zh="没有这个地址，或没有这件事项。",
        en="There is nothing at this address, or no such case.",
        remedy_zh="核对路径与事项编号；无权查看的事项与不存在的一样。接口见 /openapi.json。",
        remedy_en="Check the path and the case's id; a case you may not see looks the same as none. See /openapi.json.",
    ),
    "LX-385": Entry(
        zh="此地址不支持 {method}。",
        en="This address does not take {method}.",
        remedy_zh="可用的方法见 Allow 头与 /openapi.json。",
        remedy_en="The methods it takes stand in the Allow header and in /openapi.json.",
    ),
    "LX-387": Entry(
        zh="参数 {field} 不能用：{reason}。",
        en="The parameter {field} cannot be used: {reason}.",
        remedy_zh="参数及其取值见 /openapi.json。",
        remedy_en="The parameters and their values stand in /openapi.json.",
    ),
    "LX-388": Entry(
        zh="内容在 {seconds} 秒内没有到齐。",
        en="The body did not arrive within {seconds} seconds.",
        remedy_zh="检查网络后以同一消息编号重发；什么都没有收下。",
        remedy_en="Check the network and send it again under the same id; nothing was taken.",
    ),
    "LX-389": Entry(
        zh="{seconds} 秒内没有等到提交，不知是否已经办理。",
        en="The commit was not seen within {seconds} seconds; whether it was done is not known.",
        remedy_zh="以同一消息编号再发一次：已办理的会答复为重复，不会办理两次。",
        remedy_en="Send the same again under the same id: what was done is answered as a duplicate, never done twice.",
    ),
    "LX-390": Entry(
        zh="没有有效的密钥。",
        en="There is no key that holds.",
        remedy_zh="以 Authorization: Bearer 密钥 发送；密钥由 lianxin key create 签发，可能已经撤销。",
        remedy_en="Send Authorization: Bearer KEY. Keys come from `lianxin key create`; this one may be revoked.",
    ),
    "LX-391": Entry(
        zh="这个密钥不能发送此{what}的消息。",
        en="This key may not send messages of this {what}.",
        remedy_zh="核对消息的来源、类型与代表的单位；密钥的范围见 lianxin key list。什么都没有收下。",
        remedy_en="Check source, type and unit of the message; `lianxin key list` shows what the key may do. Nothing "
        "was taken.",
    ),
    "LX-392": Entry(
        zh="请求过大，最多 {max} 字节。",
        en="The request is too large; at most {max} bytes are taken.",
        remedy_zh="附件请另行传送，消息中只放引用；批次分成几次发送。什么都没有收下。",
        remedy_en="Send attachments elsewhere and refer to them; cut a batch into several. Nothing was taken.",
    ),
    "LX-393": Entry(
        zh="不认识的 Content-Type。",
        en="This Content-Type is not understood.",
        remedy_zh="用 application/cloudevents+json、application/cloudevents-batch+json，或二进制模式（ce- 头）。",
        remedy_en="Send application/cloudevents+json or application/cloudevents-batch+json in UTF-8, or binary mode "
        "(ce- headers).",
    ),
    "LX-394": Entry(
        zh="内容不是一条消息：{reason}。",
        en="The body is no message: {reason}.",
        remedy_zh="按原因修改后重发，可用同一消息编号；什么都没有收下。",
        remedy_en="Mend what the reason says and send it again; the same id may be used. Nothing was taken.",
    ),
    "LX-395": Entry(
        zh="Idempotency-Key 不能用：1 至 {max} 个可见的 ASCII 字符。",
        en="The Idempotency-Key cannot be used: it has 1 to {max} visible ASCII characters.",
        remedy_zh="每个请求用一个新的 UUID；重发时用同一个。",
        remedy_en="Take a new UUID for each request, and the same one when it is sent again.",
    ),
    "LX-396": Entry(
        zh="这个 Idempotency-Key 已经用于另一个内容。",
        en="This Idempotency-Key was used for another body before.",
        remedy_zh="每个请求用一个新的键；重发须与原来的内容逐字节相同。什么都没有收下。",
        remedy_en="Take a new key for each request; what is sent again is the same byte for byte. Nothing was taken.",
    ),
    "LX-397": Entry(
        zh="这个密钥已有 {max} 个请求在办理。",
        en="This key has {max} requests under way already.",
        remedy_zh="等 Retry-After 所说的秒数再发；把消息合成批次，减少并发。什么都没有收下。",
        remedy_en="Wait for as many seconds as Retry-After says; send batches, and fewer requests at once. Nothing was "
        "taken.",
    ),
    "LX-398": Entry(
        zh="引擎眼下忙不过来，或正在停止。",
        en="The engine cannot take more at the moment, or is stopping.",
        remedy_zh="等 Retry-After 所说的秒数，以同一消息编号重发；/readyz 说明哪里不通。",
        remedy_en="Wait for as many seconds as Retry-After says and send it again under the same id; /readyz says what "
        "stands still.",
    ),
    "LX-399": Entry(
        zh="这个密钥不能查询。",
        en="This key may not ask questions.",
        remedy_zh="另发一个带 --read 的密钥：lianxin key create。",
        remedy_en="Make a key with --read: `lianxin key create`.",
    ),
    "LX-560": Entry(
        zh="已经有名为 {name} 的密钥。",
        en="There is a key named {name} already.",
        remedy_zh="换一个名字；更换密钥时先建新的，对方换好后再撤销旧的。",
        remedy_en="Choose another name. To change keys, make the new one, have it taken up, then revoke the old.",
    ),
    "LX-561": Entry(
        zh="没有名为 {name} 的密钥，或已经撤销。",
        en="There is no key named {name}, or it is revoked already.",
        remedy_zh="lianxin key list 列出全部密钥。",
        remedy_en="`lianxin key list` shows all keys.",
    ),
    "LX-562": Entry(
        zh="密钥的名字 {name} 不能用。",
        en="{name} cannot be the name of a key.",
        remedy_zh="用小写字母、数字、- 和 _，以字母开头，最多 64 个字符。",
        remedy_en="Take lower-case letters, digits, - and _, a letter first, 64 characters at most.",
    ),
    "LX-563": Entry(
        zh="名录中没有单位 {unit}。",
        en="The directory has no unit {unit}.",
        remedy_zh="核对单位名；限于单位的密钥只能用名录中的单位。",
        remedy_en="Check the name: a key for a unit is for one of the directory.",
    ),
    "LX-565": Entry(
        zh="要发送跟踪数据，但没有安装 OTLP。",
        en="Traces are to be sent, but OTLP is not installed.",
        remedy_zh="pip install 'lianxin[otlp]'，或去掉 [api] 的 otlp。",
        remedy_en="pip install 'lianxin[otlp]', or take `otlp` out of [api].",
    ),
    "LX-564": Entry(
        zh="HTTP 服务无法监听 {listen}：{reason}。",
        en="HTTP cannot listen on {listen}: {reason}.",
        remedy_zh='在 lianxin.toml 的 [api] 换一个地址，或停掉占用它的程序；listen = "" 则不开 HTTP。',
        remedy_en='Choose another address under [api] in lianxin.toml, or stop what uses it; listen = "" is no HTTP.',
    ),
}
