"""The write side and the proof side: from a document to a recorded event, and from there to a proof.

Follow one event through the folders in this order: `events` (validate, interpret), `proofs` (commit),
`keys` (sign, seal), `gateway` (outbox, batches, outcomes), `chain` (embedded or remote ledger).
`vocabulary` holds the words shared with the contracts; `errors` the four roots; `limits` every bound;
`quick` makes frozen records at the price of plain ones.
"""

from eth_hash.auto import keccak
from eth_hash.backends import pysha3

# Left alone, eth-hash takes the first library it finds, which is six times slower. The call before makes it
# choose, which it does only once.
keccak(b"")
keccak.hasher = pysha3.keccak256  # type: ignore[assignment]  # the parameter has another name
