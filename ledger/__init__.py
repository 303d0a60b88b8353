"""The write side and the proof side: from a document to a recorded event, and from there to a proof.

Follow one event through the folders in this order: `events` (validate, interpret), `proofs` (commit),
`keys` (sign, seal), `gateway` (outbox, batches, outcomes), `chain` (embedded or remote ledger).
`vocabulary` holds the words shared with the contracts; `errors` the four roots; `limits` every bound.
"""
