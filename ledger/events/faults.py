"""Faults of an event: where, what, and what to do about it. All are collected before anything is refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ledger.errors import InputError, Reason


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an event or document.

    Attributes:
        pointer: JSON pointer (RFC 6901) to the place, relative to what was checked; empty for the whole.
        message: what is wrong, a sentence.
        remedy: what to do about it, a sentence, or empty.
        refuses: False for what is only pointed out (a wrong check digit in imported data), not refused.
        reason: a stable word for programs.
    """

    pointer: str
    message: str
    remedy: str = ""
    refuses: bool = True
    reason: Reason = Reason.INVALID

    @classmethod
    def of(cls, place: str, error: InputError, *, refuses: bool = True) -> Fault:
        """A fault that says at a place what an error says."""
        return cls(place, error.message, error.remedy, refuses, error.reason)

    def under(self, prefix: str) -> Fault:
        """The same fault as seen from further out: `prefix` is put before the pointer."""
        return replace(self, pointer=prefix + self.pointer)

    def __str__(self) -> str:
        return f"{self.pointer or '(whole)'}: {self.message} {self.remedy}".rstrip()


class InvalidEventError(InputError):
    """An event or document that cannot be accepted; `faults` lists every reason, in order of the document."""

    code = "CL-INPUT-020"

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        first = self.faults[0]
        more = len(self.faults) - 1
        message = f"{first.pointer}: {first.message}" if first.pointer else first.message
        if more:
            message += f" ({more} more fault{'s' if more > 1 else ''})"
        super().__init__(message, remedy=first.remedy, pointer=first.pointer, reason=first.reason)


def escape(part: str | int) -> str:
    """One reference token of a JSON pointer, escaped. Source: RFC 6901 section 3."""
    return str(part).replace("~", "~0").replace("/", "~1")


def pointer(*parts: str | int) -> str:
    """JSON pointer made of unescaped parts."""
    return "".join([f"/{part}" if isinstance(part, int) else "/" + escape(part) for part in parts])


def refuse(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """Raise if anything refuses; else hand back what is only pointed out.

    Raises:
        InvalidEventError: at least one fault refuses.
    """
    found = tuple(faults)
    refusing = [fault for fault in found if fault.refuses]
    if refusing:
        raise InvalidEventError(refusing)
    return found
