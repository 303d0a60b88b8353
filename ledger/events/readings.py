"""Signed readings of devices: a scale or seal signs what it measured, the poster's event carries it.

The ledger does not check Ed25519, so a reading is evidence with a verdict: index and verifier compute it from
the event, the register of devices and the readings before; it never refuses the event. A reading stands in a
sensor element, which is plain EPCIS, as `cl:reading`; the device signs

    "CargoLedger device reading v1\\n" ‖ canonical JSON of
    {chainId, counter, device, measuredAt, place, reports, subject}

Pure. Format and vectors: docs/formats/readings.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from nacl.exceptions import CryptoError
from nacl.signing import VerifyKey

from ledger.errors import InputError
from ledger.events.canonical import canonical_json
from ledger.events.times import unix_milliseconds
from ledger.limits import DEFAULT_LIMITS, Limits

TERM = "cl:reading"
LABEL = b"CargoLedger device reading v1\n"
COUNTER_MAX = 2**63 - 1
_OBJECT_LISTS = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")
_QUANTITY_LISTS = ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")


class Verdict(StrEnum):
    """What became of the check of a reading; the first fault in this order counts."""

    VERIFIED = "VERIFIED"
    MALFORMED = "MALFORMED"
    BAD_SIGNATURE = "BAD_SIGNATURE"
    UNKNOWN_DEVICE = "UNKNOWN_DEVICE"
    REVOKED_DEVICE = "REVOKED_DEVICE"
    OTHER_PARTICIPANT = "OTHER_PARTICIPANT"
    OTHER_PLACE = "OTHER_PLACE"
    OTHER_SUBJECT = "OTHER_SUBJECT"
    OUTSIDE_WINDOW = "OUTSIDE_WINDOW"
    NOT_CALIBRATED = "NOT_CALIBRATED"
    IN_FUTURE = "IN_FUTURE"
    TOO_OLD = "TOO_OLD"
    COUNTER_REUSED = "COUNTER_REUSED"
    COUNTER_ORDER = "COUNTER_ORDER"


SENTENCES: dict[Verdict, str] = {
    Verdict.VERIFIED: "Signed by a registered, calibrated device, at the time and place of the event.",
    Verdict.MALFORMED: "The reading is not in the form of a signed reading, so nothing of it can be checked.",
    Verdict.BAD_SIGNATURE: "The device's signature does not belong to these values.",
    Verdict.UNKNOWN_DEVICE: "The authority had registered no such device when the event was recorded.",
    Verdict.REVOKED_DEVICE: "The device was revoked before the event was recorded.",
    Verdict.OTHER_PARTICIPANT: "The device belongs to a participant that is no party to this event.",
    Verdict.OTHER_PLACE: "The device stands at another place, or signed for another one.",
    Verdict.OTHER_SUBJECT: "The device measured something that this event does not name.",
    Verdict.OUTSIDE_WINDOW: "The device was not yet, or no longer, in service when it measured.",
    Verdict.NOT_CALIBRATED: "The device's calibration did not hold when it measured.",
    Verdict.IN_FUTURE: "The device measured later than the event says it happened, or was recorded.",
    Verdict.TOO_OLD: "The device measured long before the event.",
    Verdict.COUNTER_REUSED: "This count of the device was used before: a copy, or the device was reset.",
    Verdict.COUNTER_ORDER: "The device's count and its clock disagree with its other readings.",
}
"""What each verdict means, for people."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One signed reading as an event carries it.

    Attributes:
        position: of the sensor element in its list.
        device: 32-byte Ed25519 public key.
        counter: counts up with each reading of the device.
        measured_at_ms: by the device's clock, milliseconds since 1970 UTC.
        place, subject: URI of the read point, and of what was measured, as the device signed them; or empty.
        reports: the sensor reports, as in the event.
        signature: 64 bytes.
    """

    position: int
    device: bytes
    counter: int
    measured_at_ms: int
    place: str
    subject: str
    reports: tuple[Mapping[str, Any], ...]
    signature: bytes

    def message(self, chain_id: int) -> bytes:
        """The exact bytes that the device signs, for a network."""
        return signed_message(
            chain_id=chain_id, device=self.device, counter=self.counter, measured_at_ms=self.measured_at_ms,
            place=self.place, subject=self.subject, reports=self.reports)

    def digest(self, chain_id: int) -> bytes:
        """32 bytes that stand for this reading: sha256 of the message (never of the signature)."""
        return hashlib.sha256(self.message(chain_id)).digest()

    def is_signed(self, chain_id: int) -> bool:
        """Whether the device's key signed exactly this. Strict as libsodium: no S + L, no weak keys."""
        try:
            VerifyKey(self.device).verify(self.message(chain_id), self.signature)
        except (CryptoError, ValueError, TypeError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Registered:
    """A device as the register has it.

    Attributes:
        participant: whose it is. facility: where it stands, 0 for one that is carried about.
        valid_from_s, valid_until_s: seconds in which it is in service, both included.
        revoked_at_s: block time of its revocation, or None.
        calibrations: (block time of the statement, second until which calibration holds), in order; the first
            was stated at registration.
    """

    participant: int
    facility: int
    valid_from_s: int
    valid_until_s: int
    revoked_at_s: int | None
    calibrations: tuple[tuple[int, int], ...]

    def calibrated_at(self, at_s: int, known_until_s: int) -> bool:
        """Whether calibration held at a second, by what was stated up to `known_until_s`.

        The statement in force then decides; a later one that ends earlier (found out of calibration at a
        check) takes it back, and a later one that ends later does not fill a gap.
        """
        stated = [c for i, c in enumerate(self.calibrations) if i == 0 or c[0] <= known_until_s]
        in_force = [until for i, (since, until) in enumerate(stated) if i == 0 or since <= at_s]
        later = [until for since, until in stated[1:] if since > at_s]
        return bool(in_force) and at_s <= min([in_force[-1], *(u for u in later if u < at_s)])


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the check of an event's readings needs to know of the event.

    Attributes:
        chain_id: the network.
        parties: numbers of its poster and counterparty.
        place: URI of its read point, or empty. facilities: numbers that it can stand for.
        subjects: identifiers that the event names.
        occurred_at_ms: as it says. recorded_at_s: block time.
    """

    chain_id: int
    parties: frozenset[int]
    place: str
    facilities: frozenset[int]
    subjects: frozenset[str]
    occurred_at_ms: int
    recorded_at_s: int


@dataclass(frozen=True, slots=True)
class Earlier:
    """Another genuine reading of the same device, of an event before this one in the ledger's order."""

    counter: int
    measured_at_ms: int


def signed_message(
    *, chain_id: int, device: bytes, counter: int, measured_at_ms: int, place: str, subject: str,
    reports: Sequence[Mapping[str, Any]],
) -> bytes:
    """The bytes that a device signs.

    Raises:
        InputError: a report that cannot be written canonically.
    """
    return LABEL + canonical_json({
        "chainId": chain_id, "counter": counter, "device": "0x" + device.hex(), "measuredAt": measured_at_ms,
        "place": place, "reports": [dict(report) for report in reports], "subject": subject})


def readings_of(event: Mapping[str, Any]) -> Iterator[Reading | int]:
    """The signed readings of an event; for one that is malformed its position. Trusts no shape."""
    elements = event.get("sensorElementList")
    for position, element in enumerate(elements if isinstance(elements, list) else ()):
        if isinstance(element, dict) and TERM in element:
            try:
                yield _read(position, element)
            except (InputError, KeyError, TypeError, ValueError, AttributeError):
                yield position


def subjects_of(event: Mapping[str, Any]) -> frozenset[str]:
    """Every identifier of an object or class that an event names."""
    found = [event.get("parentID")]
    for key in _OBJECT_LISTS:
        found += event[key] if isinstance(event.get(key), list) else []
    for key in _QUANTITY_LISTS:
        found += [q.get("epcClass") for q in (event[key] if isinstance(event.get(key), list) else [])
                  if isinstance(q, dict)]
    return frozenset(text for text in found if isinstance(text, str))


def judge(
    reading: Reading, device: Registered | None, seen: Circumstances, earlier: Sequence[Earlier],
    limits: Limits = DEFAULT_LIMITS,
) -> Verdict:
    """Check a reading against register, event and the device's readings before it.

    Args:
        reading: as the event carries it.
        device: as registered when the event was recorded, or None.
        seen: about the event.
        earlier: the device's other readings, genuine and recorded before; enough are those next to it in
            count and in time.
        limits: `reading_age_s_max`, `clock_skew_s_max`.
    """
    measured_s = reading.measured_at_ms // 1000
    skew_ms, age_ms = limits.clock_skew_s_max * 1000, limits.reading_age_s_max * 1000
    recorded_ms = (seen.recorded_at_s + 1) * 1000
    if not reading.is_signed(seen.chain_id):
        return Verdict.BAD_SIGNATURE
    if device is None:
        return Verdict.UNKNOWN_DEVICE
    if device.revoked_at_s is not None and device.revoked_at_s <= seen.recorded_at_s:
        return Verdict.REVOKED_DEVICE
    if device.participant not in seen.parties:
        return Verdict.OTHER_PARTICIPANT
    if (reading.place and reading.place != seen.place) or (
            device.facility and device.facility not in seen.facilities):
        return Verdict.OTHER_PLACE
    if reading.subject and reading.subject not in seen.subjects:
        return Verdict.OTHER_SUBJECT
    if not device.valid_from_s <= measured_s <= device.valid_until_s:
        return Verdict.OUTSIDE_WINDOW
    if not device.calibrated_at(measured_s, seen.recorded_at_s):
        return Verdict.NOT_CALIBRATED
    if reading.measured_at_ms > min(seen.occurred_at_ms, recorded_ms) + skew_ms:
        return Verdict.IN_FUTURE
    if reading.measured_at_ms < seen.occurred_at_ms - age_ms:
        return Verdict.TOO_OLD
    return _count_faults(reading, earlier) or Verdict.VERIFIED


def _count_faults(reading: Reading, earlier: Sequence[Earlier]) -> Verdict | None:
    if any(other.counter == reading.counter for other in earlier):
        return Verdict.COUNTER_REUSED
    # a device whose clock stands still between two readings is no fault; one that runs backwards is
    if any((other.counter < reading.counter and other.measured_at_ms > reading.measured_at_ms)
           or (other.counter > reading.counter and other.measured_at_ms < reading.measured_at_ms)
           for other in earlier):
        return Verdict.COUNTER_ORDER
    return None


def _read(position: int, element: Mapping[str, Any]) -> Reading:
    said = element[TERM]
    if not set(said) <= {"device", "counter", "place", "subject", "signature"}:
        raise InputError("unknown field")
    counter, reports = said["counter"], element["sensorReport"]
    place, subject = said.get("place", ""), said.get("subject", "")
    if type(counter) is not int or not 0 <= counter <= COUNTER_MAX:
        raise InputError("counter")
    if not isinstance(place, str) or not isinstance(subject, str):
        raise InputError("place or subject")
    if not isinstance(reports, list) or not reports or not all(isinstance(r, dict) for r in reports):
        raise InputError("reports")
    reading = Reading(
        position, _unhex(said["device"], 32), counter,
        unix_milliseconds(element["sensorMetadata"]["time"]), place, subject, tuple(reports),
        _unhex(said["signature"], 64))
    reading.message(0)  # a report that cannot be written canonically is found here
    return reading


def _unhex(text: str, size: int) -> bytes:
    data = bytes.fromhex(text[2:])
    if "0x" + data.hex() != text or len(data) != size:
        raise InputError("hex")
    return data
