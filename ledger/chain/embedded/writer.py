"""The source of one trace while it is written, and the EVM's stack as it is known meanwhile.

The virtual stack holds literals, locals, items of the real stack not yet looked at, and conditions not yet
needed as numbers. The real stack is put in order (`settled`) only where the trace is left or where py-evm's
functions look at it. A *zone* is what lies between two such places on the straight way: at its beginning the
real stack is in order and its limits are checked for all of it. A *segment* is what gas is charged for at
once.
"""

from __future__ import annotations

from dataclasses import dataclass, field

STACK_MAX = 1024


@dataclass(frozen=True, slots=True)
class Slot:
    """An item of the real stack, by its distance from the top where the stretch began (1 is the top)."""

    place: int


@dataclass(frozen=True, slots=True)
class Condition:
    """A 0 or 1 not yet computed, as a Python condition over locals."""

    text: str


Item = int | str | Slot | Condition
"""A literal, a local, or one of the above."""


@dataclass(slots=True)
class Writer:
    """Source of one trace, and the virtual stack while it is written."""

    lines: list[str] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)   # the virtual stack above what is untouched
    depth: int = 0                                     # how many real items it stands for
    needed: int = 0                                    # most real items that were needed
    grown: int = 0                                     # most items above the real stack
    locals_count: int = 0
    loaded: dict[int, str] = field(default_factory=dict)
    zone_line: int = -1                                # where the check of the stack goes
    zone_pc: int = 0
    segment_line: int = -1                             # where the charge goes
    segment_gas: int = 0
    segment_fallback: tuple[str, ...] = ()

    def local(self) -> str:
        """A new local."""
        self.locals_count += 1
        return f"v{self.locals_count}"

    def emit(self, *lines: str) -> None:
        """Add statements."""
        self.lines.extend(lines)

    # the virtual stack

    def reach(self, count: int) -> None:
        """Have at least so many items in the virtual stack."""
        while len(self.items) < count:
            self.depth += 1
            self.items.insert(0, Slot(self.depth))
        self.needed = max(self.needed, self.depth)

    def push(self, item: Item) -> None:
        """Put an item on top."""
        self.items.append(item)
        self.grown = max(self.grown, len(self.items) - self.depth)

    def pop(self) -> Item:
        """Take the top item off."""
        self.reach(1)
        return self.items.pop()

    def operand(self) -> int | str:
        """Take the top item off as a literal or a local."""
        item = self.pop()
        if isinstance(item, Slot):
            known = self.loaded.get(item.place)
            if known is None:
                known = self.loaded[item.place] = self.local()
                self.emit(f"{known} = stack[-{item.place}]")
            return known
        if isinstance(item, Condition):
            name = self.local()
            self.emit(f"{name} = 1 if {item.text} else 0")
            return name
        return item

    def condition(self) -> Item:
        """Take the top item off as something to test."""
        item = self.pop()
        if isinstance(item, Slot):
            self.items.append(item)
            return self.operand()
        return item

    def text(self, item: Item) -> str:
        """An item as an expression, without computing anything beforehand."""
        if isinstance(item, Slot):
            return self.loaded.get(item.place, f"stack[-{item.place}]")
        if isinstance(item, Condition):
            return f"(1 if {item.text} else 0)"
        return literal(item)

    def settled(self) -> list[str]:
        """Statements that put the virtual stack in place."""
        items, depth = self.items, self.depth
        keep = 0
        while keep < min(len(items), depth) and items[keep] == Slot(depth - keep):
            keep += 1
        rest, gone = items[keep:], depth - keep
        values = ", ".join(self.text(x) for x in rest)
        if gone == 0:
            if not rest:
                return []
            return [f"stack.append({values})"] if len(rest) == 1 else [f"stack += ({values})"]
        if not rest:
            return [f"del stack[-{gone}:]"]
        if gone == 1 and len(rest) == 1:
            return [f"stack[-1] = {values}"]
        return [f"stack[-{gone}:] = ({values},)"]

    # stretches

    def begin_zone(self, pc: int) -> None:
        """The real stack is in place; what follows is checked against its limits."""
        self.items, self.depth, self.needed, self.grown, self.loaded = [], 0, 0, 0, {}
        self.zone_pc, self.zone_line = pc, len(self.lines)
        self.emit("")
        self.begin_segment(pc)

    def end_zone(self) -> None:
        """Write the check of the stack where the zone began."""
        self.end_segment()
        checks = []
        if self.needed:
            checks.append(f"len(stack) < {self.needed}")
        if self.grown > 0:
            checks.append(f"len(stack) > {STACK_MAX - self.grown}")
        if checks:
            self.lines[self.zone_line] = (
                f"if {' or '.join(checks)}: return by_the_book(vm, {self.zone_pc}, gas)")

    def begin_segment(self, pc: int) -> None:
        """From here on gas is charged together."""
        self.segment_line, self.segment_gas = len(self.lines), 0
        self.segment_fallback = (*self.settled(), f"return by_the_book(vm, {pc}, gas)")
        self.emit("")

    def end_segment(self) -> None:
        """Write the charge where the segment began."""
        if self.segment_gas:
            self.lines[self.segment_line] = "\n ".join([
                f"if gas < {self.segment_gas}:", *(f" {x}" for x in self.segment_fallback),
                f"gas -= {self.segment_gas}"])

    def leave(self, key: str, *, under: str = "") -> None:
        """Put the stack in place and go on elsewhere, perhaps under a condition."""
        way_out = [*self.settled(), f"return {key}, gas"]
        self.emit(*([f"if {under}:", *(f" {x}" for x in way_out)] if under else way_out))

    def source(self) -> str:
        """The function."""
        body = "\n ".join(x for x in self.lines if x)
        return f"def trace(vm, stack, memory, data, gas):\n {body}\n"


def literal(item: int | str) -> str:
    """A literal or local as source."""
    return item if isinstance(item, str) else hex(item) if item > 9 else str(item)
