"""Consumers: named, pure functions that see facts and return wishes; doing is the engine's business.

Each module has `NAME`, `ACTIONS` (what may stand under `do:`, with typed parameters) and
`react(event, rules, at) → commands`. Others register through the entry-point group `lianxin.consumers`.
"""
