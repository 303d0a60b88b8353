"""Names of units and materials: EPCIS identifiers in, pseudonymous 32-byte ids out.

    unit     = HMAC-SHA256(network secret, JCS([type, scope, number]))
    material = HMAC-SHA256(enterprise key, JCS([code, unit of measure]))

Identifiers are `urn:epc:id:bic:CSQU3054383` (container; its consignment stands elsewhere in the event),
`urn:cargoledger:cargo:<consignment>:<package>`, `urn:cargoledger:lot:<enterprise>:<lot number>` and
`urn:cargoledger:line:<declaration>:<line>`, parts percent-encoded. Names are printable ASCII: two names
that look alike must not be two units. The same name always gives the same id, however it was
percent-encoded.

Byte-level format and vectors: docs/formats/event-profile.md.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

import rfc8785

from ledger.errors import InputError, Reason

SECRET_BYTES = 32
NAME_CHARACTERS_MAX = 80
"""Longest part of a name: an UCR has 35 characters, a GINC 30."""

BIC_PREFIX = "urn:epc:id:bic:"
OWN_PREFIX = "urn:cargoledger:"

_ENCODED = re.compile(r"(?:%([0-9A-Fa-f]{2}))|([A-Za-z0-9._~!$&'()*+,;@/-])", re.ASCII)
_UNENCODED = re.compile(r"[A-Za-z0-9._~!$&'()*+,;@/-]+", re.ASCII)
_PLAIN_NAME = re.compile(r"[!-~]+(?: [!-~]+)*", re.ASCII)


class UnitType(StrEnum):
    """What a named unit is; the word that goes into its id."""

    CONTAINER = "container"
    CARGO = "cargo"
    LOT = "lot"
    LINE = "line"


@dataclass(frozen=True, slots=True)
class NamedUnit:
    """A unit id and what it stands for.

    Attributes:
        unit: 32-byte id on the ledger.
        type: container, cargo, lot or line.
        scope: consignment of a container or cargo, enterprise of a lot, declaration of a line.
        number: container number, package, lot number or line.
    """

    unit: bytes
    type: UnitType
    scope: str
    number: str

    @property
    def uri(self) -> str:
        """The identifier that an EPCIS event uses for it (a container's leaves the consignment out)."""
        return identifier(self.type, self.scope, self.number)


@dataclass(frozen=True, slots=True)
class NamedMaterial:
    """A material id and what it stands for; `material` is None where the enterprise's key is not ours."""

    material: bytes | None
    enterprise: str
    code: str
    uom: str
    description: str = ""
    hs: str = ""


@dataclass(frozen=True, slots=True)
class Identifier:
    """An EPCIS identifier of a unit, taken apart; `scope` is None for a container (it stands elsewhere)."""

    type: UnitType
    scope: str | None
    number: str


def unit_id(network_secret: bytes, unit_type: UnitType, scope: str, number: str) -> bytes:
    """The 32-byte id of a unit.

    Args:
        network_secret: 32 bytes shared by the participants.
        unit_type: container, cargo, lot or line.
        scope: consignment, enterprise or declaration, decoded.
        number: container number, package, lot number or line, decoded.

    Raises:
        InputError: a name that may not be used, or a secret of another length.
    """
    return _hmac(network_secret, [str(unit_type), name(scope), name(number)])


def name_unit(network_secret: bytes, unit_type: UnitType, scope: str, number: str) -> NamedUnit:
    """The unit with its id. Errors as `unit_id`."""
    return NamedUnit(unit_id(network_secret, unit_type, scope, number), unit_type, scope, number)


def material_id(enterprise_key: bytes, code: str, uom: str) -> bytes:
    """The 32-byte id of a material or product code in one unit of measure, under its enterprise's key.

    Raises:
        InputError: a name that may not be used, or a key of another length.
    """
    return _hmac(enterprise_key, [name(code), name(uom)])


def name(text: str) -> str:
    """The text itself, if it may name something: printable ASCII, single inner spaces, at most 80 characters.

    Raises:
        InputError: empty, too long, or with a character that could be mistaken for another.
    """
    if len(text) <= NAME_CHARACTERS_MAX and _PLAIN_NAME.fullmatch(text):
        return text
    if not text or len(text) > NAME_CHARACTERS_MAX:
        raise InputError(f"a name has 1 to {NAME_CHARACTERS_MAX} characters, this one {len(text)}.")
    for place, character in enumerate(text):
        if not " " <= character <= "~":
            raise InputError(
                f"{text!r} contains {described(character)} at character {place + 1}; identifiers "
                "are printable ASCII, because letters that look alike would name different things.",
                remedy="Type the identifier with plain letters and digits.",
                reason=Reason.LOOK_ALIKE_CHARACTER,
            )
    raise InputError(f"{text!r} starts or ends with a space, or has two in a row.", remedy="Remove it.")


def described(character: str) -> str:
    """A character by code point and name: `U+0410 (CYRILLIC CAPITAL LETTER A)`."""
    what = unicodedata.name(character, f"control character {ord(character):#04x}")
    return f"U+{ord(character):04X} ({what})"


def parse_identifier(uri: str) -> Identifier | None:
    """Take an EPCIS identifier apart.

    Returns:
        None if the identifier is not one that names units (an SGTIN, a seal, ...).

    Raises:
        InputError: it claims to be one (`urn:cargoledger:`, `urn:epc:id:bic:`) but is malformed.
    """
    lower = uri.lower()
    if lower.startswith(BIC_PREFIX):
        if not uri.startswith(BIC_PREFIX):
            raise InputError(f"{uri!r}: write the beginning in lower case, {BIC_PREFIX}")
        number = name(uri.removeprefix(BIC_PREFIX))
        if not re.fullmatch(r"[A-Z0-9]{3,15}", number, re.ASCII):
            raise InputError(
                f"{number!r} is not a container number.",
                remedy="Write upper-case letters and digits, without spaces or hyphens.",
            )
        return Identifier(UnitType.CONTAINER, None, number)
    if not lower.startswith(OWN_PREFIX):
        return None
    kind, _, rest = uri[len(OWN_PREFIX) :].partition(":")
    if kind not in ("cargo", "lot", "line"):
        return None
    if not uri.startswith(OWN_PREFIX):
        raise InputError(f"{uri!r}: write the beginning in lower case, {OWN_PREFIX}")
    parts = rest.split(":")
    if len(parts) != 2 or not all(parts):
        wanted = {
            "cargo": "<consignment>:<package>",
            "lot": "<enterprise>:<lot number>",
            "line": "<declaration>:<line>",
        }
        raise InputError(
            f"{uri!r} is not {OWN_PREFIX}{kind}:{wanted[kind]}.",
            remedy="Write a colon or slash inside a name as %3A or %2F.",
        )
    return Identifier(UnitType(kind), decode(parts[0]), decode(parts[1]))


def identifier(unit_type: UnitType, scope: str, number: str) -> str:
    """The EPCIS identifier of a unit, canonically percent-encoded; a container's is without consignment."""
    if unit_type is UnitType.CONTAINER:
        return BIC_PREFIX + number
    return f"{OWN_PREFIX}{unit_type}:{encode(scope)}:{encode(number)}"


def encode(part: str) -> str:
    """One part of a URN, percent-encoded: everything but letters, digits and `-._~`."""
    return quote(name(part), safe="-._~")


def decode(part: str) -> str:
    """The name that a percent-encoded part stands for.

    Raises:
        InputError: a character that must be percent-encoded, a broken escape, or a name that may not be used.
    """
    if _UNENCODED.fullmatch(part):
        return name(part)
    characters: list[str] = []
    place = 0
    while place < len(part):
        match = _ENCODED.match(part, place)
        if match is None:
            name(part)  # says it better for letters that look alike
            raise InputError(
                f"{part!r} contains {part[place]!r}, which must be percent-encoded.",
                remedy=f"Write {quote(part[place], safe='')}." if part[place] != "%" else "Write % as %25.",
            )
        characters.append(chr(int(match[1], 16)) if match[1] else match[2])
        place = match.end()
    return name("".join(characters))


def _hmac(key: bytes, parts: list[str]) -> bytes:
    if len(key) != SECRET_BYTES:
        raise InputError(f"a secret has {SECRET_BYTES} bytes, this one {len(key)}.")
    return hmac.new(key, rfc8785.dumps(parts), hashlib.sha256).digest()
