"""From a ledger that ended to the one that follows it: found on chain, believed only when its code is known.

A successor is taken for a CustodyLedger of ours if its runtime code is that of this version's artifact (its
libraries too), and if it obeys the same access control and register. Anything else stops the caller: a stolen
succession must not lead anybody to another contract's word.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from eth_abi.abi import encode
from eth_hash.auto import keccak

from contracts.artifacts import Artifact, load
from ledger.chain.client import ChainClient
from ledger.chain.codec import call_data
from ledger.chain.deploy import Deployment
from ledger.chain.tx import Sender, Signer, created_address
from ledger.chain.views import View
from ledger.errors import CannotVerifyError, TrustError

_ADDRESS = slice(12, 32)
SUCCESSORS_MAX = 100


def followed(chain: ChainClient, deployment: Deployment) -> Deployment:
    """The deployment of the ledger that takes events now; the same where it has no successor.

    Raises:
        TrustError: a successor is no CustodyLedger that this version knows, or under another authority.
        CannotVerifyError: there is no code at its address (the node may lag behind).
    """
    for _ in range(SUCCESSORS_MAX):
        successor = View(chain, deployment).successor()
        if successor is None:
            return deployment
        if successor in deployment.ledgers:
            raise TrustError(f"the successors of ledger 0x{deployment.ledger.hex()} go in a circle.")
        deployment = verified(chain, deployment, successor)
    raise TrustError(f"more than {SUCCESSORS_MAX} ledgers follow each other.")


def verified(chain: ChainClient, deployment: Deployment, successor: bytes) -> Deployment:
    """The deployment of a successor, once its code, register and access control were compared.

    Raises:
        TrustError: no CustodyLedger that this version knows, or under another authority.
        CannotVerifyError: there is no code at its address.
    """
    code = chain.code(successor)
    if not code:
        raise CannotVerifyError(f"there is no contract at 0x{successor.hex()}, the ledger's successor.")
    artifact = load("CustodyLedger")
    if _masked(code, artifact) != artifact.deployed_bytecode:
        raise _unknown(successor)
    addresses = {"ledger": successor}
    for name, places in artifact.deployed_link_places.items():
        found = {code[place:place + 20] for place in places}
        library = found.pop()
        if found or _masked(chain.code(library), load(name)) != load(name).deployed_bytecode:
            raise _unknown(successor)
        addresses[_field(name)] = library
    obeys = (("participants()", deployment.participants), ("authority()", deployment.manager))
    for signature, expected in obeys:
        if chain.call(successor, call_data(signature))[_ADDRESS] != expected:
            raise TrustError(
                f"the ledger's successor 0x{successor.hex()} obeys another register or access control.",
                remedy="Ask the authority; sign nothing for it.")
    hashes = dict(deployment.code_hashes)
    hashes.update({name: bytes(keccak(chain.code(x))) for name, x in addresses.items()})
    changed: dict[str, Any] = {**addresses, "earlier": deployment.ledgers, "code_hashes": hashes}
    return replace(deployment, **changed)


def deploy_successor(chain: ChainClient, deployment: Deployment, account: Signer, **sender: Any) -> bytes:
    """Deploy this version's ledger beside the one that runs, under the same access control and register.

    It takes nothing until the authority opens it (`Authority.open_ledger`), and nobody follows to it before
    the authority names it (`Authority.succeed`). Killed in between, run it again: unused contracts harm none.

    Returns:
        Its address.
    """
    transactions = Sender(chain, account, **sender)

    def create(code: bytes) -> bytes:
        address = created_address(account.address, chain.transaction_count(account.address))
        transactions.send(None, code)
        return address

    artifact = load("CustodyLedger")
    libraries = {name: create(load(name).linked()) for name in sorted(artifact.link_places)}
    arguments = encode(["address", "address"], [deployment.manager, deployment.participants])
    ledger = create(artifact.linked(libraries) + arguments)
    verified(chain, deployment, ledger)
    return ledger


def _unknown(successor: bytes) -> TrustError:
    return TrustError(
        f"the ledger ended, and its successor 0x{successor.hex()} is no ledger that this version knows.",
        remedy="Install the version that the authority announced for it; sign nothing for the old ledger.")


def _masked(code: bytes, artifact: Artifact) -> bytes:
    """Runtime code with zeros where immutables and libraries' addresses are, as artifacts have it."""
    plain = bytearray(code)
    for start, length in artifact.immutable_places:
        plain[start:start + length] = bytes(length)
    for places in artifact.deployed_link_places.values():
        for place in places:
            plain[place:place + 20] = bytes(20)
    return bytes(plain)


def _field(library: str) -> str:
    """`BookKinds` as the deployment names it: `book_kinds`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", library).lower()
