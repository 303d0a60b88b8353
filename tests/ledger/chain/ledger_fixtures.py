"""A deployed ledger with a few participants, for tests of the chain and of proofs."""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger.chain.authority import Authority
from ledger.chain.client import ChainClient, Receipt
from ledger.chain.codec import SignedItem, encode_record
from ledger.chain.deploy import Deployment, deploy
from ledger.chain.tx import Sender
from ledger.events.model import CustodyEvent, domain_separator, event_id
from ledger.vocabulary import Role
from tests.chain_fixtures import NOW_S, AccountSigner

AUTHORITY, GATEWAY, CARRIER_KEY, CUSTOMS_KEY = (AccountSigner(n) for n in (101, 102, 103, 104))
CARRIER, CUSTOMS, YARD = 1, 2, 3


@dataclass
class Network:
    """A chain with its contracts, and gateways and keys to write to it."""

    chain: ChainClient
    deployment: Deployment
    authority: Authority
    nonces: dict[bytes, int] = field(default_factory=dict)

    def sign(self, signer: AccountSigner, event: CustodyEvent) -> SignedItem:
        return event, signer.sign_digest(self.id_of(event)), b""

    def id_of(self, event: CustodyEvent) -> bytes:
        return event_id(event, domain_separator(self.deployment.chain_id, self.deployment.ledger))

    def record(self, *batch: SignedItem) -> Receipt:
        return Sender(self.chain, GATEWAY).send(self.deployment.ledger, encode_record(batch))

    def stamp(self, signer: AccountSigner, **fields: object) -> CustodyEvent:
        """An event with the next nonce of its signer."""
        nonce = self.nonces[signer.address] = self.nonces.get(signer.address, -1) + 1
        return CustodyEvent(nonce=nonce, occurred_at_ms=NOW_S * 1000, deadline_s=2**63, **fields)  # type: ignore[arg-type]


def network(chain: ChainClient) -> Network:
    """A carrier, customs and a yard with one supervised facility."""
    deployment = deploy(chain, AUTHORITY, GATEWAY.address)
    authority = Authority(chain, deployment, AUTHORITY)
    authority.admit(CARRIER, Role.CARRIER, reading_key=b"\x01" * 32)
    authority.admit(CUSTOMS, Role.CUSTOMS, reading_key=b"\x02" * 32, hold_bit=0)
    authority.admit(YARD, Role.YARD, reading_key=b"\x03" * 32)
    authority.add_signer(CARRIER_KEY.address, CARRIER)
    authority.add_signer(CUSTOMS_KEY.address, CUSTOMS)
    authority.set_facility(1, YARD, supervised=True)
    return Network(chain, deployment, authority)
