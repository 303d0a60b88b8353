"""Keys of measuring devices: Ed25519, signing readings and nothing else: their own label keeps them apart."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey

from ledger.errors import InputError
from ledger.events.readings import COUNTER_MAX, TERM, signed_message
from ledger.events.times import unix_milliseconds
from ledger.keys.secret_files import create_key, path_of, read_key

LABEL = "device"


class DeviceKey:
    """The key of one device."""

    def __init__(self, seed: bytes) -> None:
        """Take the 32-byte seed of RFC 8032.

        Raises:
            InputError: not 32 bytes.
        """
        if len(seed) != 32:
            raise InputError("an Ed25519 seed has 32 bytes.")
        self._key = SigningKey(seed)

    @property
    def public(self) -> bytes:
        """32 bytes: what the authority registers."""
        return bytes(self._key.verify_key)

    def sign_element(
        self, element: Mapping[str, Any], *, chain_id: int, counter: int, place: str = "", subject: str = "",
    ) -> dict[str, Any]:
        """A sensor element with this device's signature over it.

        Args:
            element: EPCIS sensor element; `sensorMetadata.time` says when it was measured.
            chain_id: of the network.
            counter: above that of every reading before.
            place, subject: URI of the read point, and of what was measured, where the device knows them.

        Raises:
            InputError: no time, no report, or a count out of range.
        """
        metadata, reports = element.get("sensorMetadata"), element.get("sensorReport")
        if not isinstance(metadata, dict) or not isinstance(metadata.get("time"), str):
            raise InputError("a signed reading says when it was measured.", pointer="/sensorMetadata/time",
                             remedy="Add sensorMetadata.time.")
        if not isinstance(reports, list) or not reports or not all(isinstance(r, dict) for r in reports):
            raise InputError("a signed reading has at least one sensor report.", pointer="/sensorReport")
        if not 0 <= counter <= COUNTER_MAX:
            raise InputError(f"a device counts from 0 to {COUNTER_MAX}.")
        message = signed_message(
            chain_id=chain_id, device=self.public, counter=counter, place=place, subject=subject,
            measured_at_ms=unix_milliseconds(metadata["time"]), reports=reports)
        said: dict[str, Any] = {"device": "0x" + self.public.hex(), "counter": counter}
        said |= {"place": place} if place else {}
        said |= {"subject": subject} if subject else {}
        said["signature"] = "0x" + bytes(self._key.sign(message).signature).hex()
        return {**element, TERM: said}

    def __repr__(self) -> str:
        return f"DeviceKey(public={self.public.hex()})"


def load_device_key(uri: str, *, base: Path | None = None) -> DeviceKey:
    """Open a device's key, `file:PATH`.

    Raises:
        NotFoundError: no such file. InputError: readable by others, or malformed.
    """
    return DeviceKey(read_key(path_of(uri, base), LABEL))


def new_device_key(path: Path, *, seed: bytes | None = None) -> DeviceKey:
    """Create a device's key file; a 32-byte seed only for demonstrations.

    Raises:
        ConflictError: the file exists.
    """
    key = DeviceKey(secret := os.urandom(32) if seed is None else seed)
    create_key(path, LABEL, secret)
    return key
