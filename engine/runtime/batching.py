"""A batch on its way to a transaction: messages with the offsets that are settled with them, cut into rounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.core.instants import Instant
from engine.runtime.asks import Ask, Unusable

Fence = tuple[str, str, int, int, int]
"""group, partition, epoch, offset from, offset to"""


@dataclass(slots=True)
class Item:
    """A message of a batch, with the offset that is settled when it is, and how far its partition is read then."""

    message: Ask | Unusable
    fence: Fence | None = None
    watermark: tuple[str, Instant] | None = None

    @property
    def following(self) -> int:
        """The offset to go on from after it."""
        assert self.fence is not None
        return self.fence[4]


def waves(part: Sequence[int], items: Sequence[Item], case_of: Callable[[Ask], str]) -> list[list[int]]:
    """The part (places in `items`) in rounds, each with one message of a case at most; other cases do not wait.

    So what follows from a message comes before its case's next one, and it is the same however messages are cut into
    batches, or cut off.
    """
    turns: dict[str, int] = {}
    found: list[list[int]] = [[]]
    for index in part:
        message = items[index].message
        turn = 0
        if isinstance(message, Ask):
            case_id = case_of(message)
            turn = turns.get(case_id, 0)
            turns[case_id] = turn + 1
        if turn == len(found):
            found.append([])
        found[turn].append(index)
    return found


def joined(items: Sequence[Item]) -> list[Fence]:
    """The fences of a run of messages as one for each partition: from the first one's offset to the last one's."""
    found: dict[tuple[str, str], Fence] = {}
    for item in items:
        if item.fence is not None:
            group, partition, epoch, start, end = item.fence
            first = found.get((group, partition))
            found[group, partition] = (group, partition, epoch, first[3] if first else start, end)
    return list(found.values())
