"""Load the committed artifacts of the contracts.

Nothing here compiles or talks to a chain. `load("CustodyLedger")` gives ABI, bytecode and sources' hashes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

LIBRARIES = ("ApprovalKinds", "BookKinds", "CargoKinds")
"""Libraries that CustodyLedger links: deploy them first."""

NAMES = (*LIBRARIES, "CustodyLedger", "Governance", "Participants")
"""Contracts that have an artifact."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A compiled contract.

    Attributes:
        name: name of the contract.
        source: the source file, relative to `contracts/` or in an npm package.
        abi: its ABI, as solc gives it.
        bytecode: creation code; constructor arguments are appended to it. Of a contract that links a library
            it has zeros where the library's address belongs: use `linked`.
        deployed_bytecode: runtime code with zeros at the places of immutables and libraries.
        link_places: first bytes in `bytecode` of the 20-byte address of each library, by its name.
        deployed_link_places: the same for `deployed_bytecode`.
        immutable_places: (start, length) in bytes of those places, ascending.
        compiler: name, version and settings of the compiler.
        sources: SHA-256 (hex) of every source it was compiled from, by name.
    """

    name: str
    source: str
    abi: list[dict[str, Any]]
    bytecode: bytes
    deployed_bytecode: bytes
    link_places: dict[str, tuple[int, ...]]
    deployed_link_places: dict[str, tuple[int, ...]]
    immutable_places: tuple[tuple[int, int], ...]
    compiler: dict[str, Any]
    sources: dict[str, str]

    def linked(self, libraries: Mapping[str, bytes] | None = None) -> bytes:
        """Creation code with the addresses of its libraries put in.

        Args:
            libraries: 20-byte address by library name; exactly those in `link_places`.

        Raises:
            LookupError: an address is missing, too many, or not 20 bytes long.
        """
        given = libraries or {}
        if set(given) != set(self.link_places) or any(len(x) != 20 for x in given.values()):
            needed = ", ".join(sorted(self.link_places)) or "none"
            raise LookupError(f"{self.name} links these libraries, 20 bytes each: {needed}.")
        code = bytearray(self.bytecode)
        for name, places in self.link_places.items():
            for place in places:
                code[place:place + 20] = given[name]
        return bytes(code)


@cache
def load(name: str) -> Artifact:
    """The artifact of a contract.

    Args:
        name: one of NAMES.

    Raises:
        LookupError: there is no such contract.
    """
    if name not in NAMES:
        raise LookupError(f"there is no contract {name!r}; known are {', '.join(NAMES)}.")
    data = json.loads(read_text(name))
    return Artifact(
        name=data["contract"],
        source=data["source"],
        abi=data["abi"],
        bytecode=bytes.fromhex(data["bytecode"][2:]),
        deployed_bytecode=bytes.fromhex(data["deployedBytecode"][2:]),
        link_places={name: tuple(places) for name, places in data["linkReferences"].items()},
        deployed_link_places={
            name: tuple(places) for name, places in data["deployedLinkReferences"].items()},
        immutable_places=tuple((start, length) for start, length in data["immutableReferences"]),
        compiler=data["compiler"],
        sources=data["sources"],
    )


def read_text(name: str) -> str:
    """The artifact file itself, for those who want its documentation or storage layout too."""
    return files("contracts").joinpath("artifacts", f"{name}.json").read_text(encoding="utf-8")
