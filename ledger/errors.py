"""Four error roots: the caller must know whether to fix, distrust, retry or stop.

Every class carries a stable code (`CL-INPUT-001`) that docs/errors.md lists; a test compares both ways.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why input is refused, as a stable word beside the sentence; docs/errors.md lists them."""

    INVALID = "INVALID"                          # anything without a word of its own: the sentence says it
    UNKNOWN_KIND = "UNKNOWN_KIND"
    UNKNOWN_UNIT_OF_MEASURE = "UNKNOWN_UNIT_OF_MEASURE"
    LOOK_ALIKE_CHARACTER = "LOOK_ALIKE_CHARACTER"
    QUANTITY_TOO_LARGE = "QUANTITY_TOO_LARGE"
    QUANTITY_NEGATIVE = "QUANTITY_NEGATIVE"
    TOO_MANY_DECIMALS = "TOO_MANY_DECIMALS"
    NUMBER_OUT_OF_RANGE = "NUMBER_OUT_OF_RANGE"
    NOT_A_NUMBER = "NOT_A_NUMBER"
    TOO_MANY_UNITS = "TOO_MANY_UNITS"
    DUPLICATE_KEY = "DUPLICATE_KEY"
    TOO_DEEP = "TOO_DEEP"
    NOT_JSON = "NOT_JSON"
    HIGH_S_SIGNATURE = "HIGH_S_SIGNATURE"


class CargoLedgerError(Exception):
    """Base of everything this project raises on purpose.

    Attributes:
        code: stable identifier, listed in docs/errors.md.
        remedy: what the person who reads this can do, or an empty string.
    """

    code = "CL-000"

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".rstrip()


class InputError(CargoLedgerError):
    """The caller's request is wrong; retry after a change. `pointer` is a JSON pointer to the fault."""

    code = "CL-INPUT-001"

    def __init__(
        self, message: str, *, remedy: str = "", pointer: str = "", reason: Reason = Reason.INVALID,
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.pointer = pointer
        self.reason = reason


class NotFoundError(InputError):
    """No such thing, or nothing the caller may know of: both look the same."""

    code = "CL-INPUT-002"


class ConflictError(InputError):
    """The same identifier with other content."""

    code = "CL-INPUT-003"


class TooLargeError(InputError):
    """A stated limit is exceeded."""

    code = "CL-INPUT-004"


class AuthenticationError(InputError):
    """No credential, or one that is not valid."""

    code = "CL-INPUT-005"


class TrustError(CargoLedgerError):
    """Evidence does not verify. Never retry."""

    code = "CL-TRUST-001"


class CannotVerifyError(TrustError):
    """Evidence could not be checked (something needed is missing)."""

    code = "CL-TRUST-002"


class UnavailableError(CargoLedgerError):
    """A dependency is away or we are full; retry later."""

    code = "CL-UNAVAILABLE-001"


class FullError(UnavailableError):
    """We hold as much as we may. Nothing of the request was taken; `retry_after_s` says when to try again."""

    code = "CL-UNAVAILABLE-002"

    def __init__(self, message: str, *, remedy: str = "", retry_after_s: int = 30) -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after_s = retry_after_s


class AnnouncedError(UnavailableError):
    """An act of the authority was announced and waits for its time; the same call after it carries it out.

    Attributes:
        operation: 32-byte id of what was announced.
        ready_at_s: block time from which it may be carried out.
    """

    code = "CL-UNAVAILABLE-003"

    def __init__(
        self, message: str, *, remedy: str = "", operation: bytes = b"", ready_at_s: int = 0,
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.operation = operation
        self.ready_at_s = ready_at_s


class InvariantError(CargoLedgerError):
    """Our bug, or corrupt storage: stop."""

    code = "CL-INVARIANT-001"


def invariant(condition: bool, message: str) -> None:
    """Raise InvariantError with `message` unless `condition` holds (assert vanishes under -O).

    Raises:
        InvariantError: the condition does not hold.
    """
    if not condition:
        raise InvariantError(message)
