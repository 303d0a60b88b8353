"""From a signed event to its outcome: `poster` (client side), `outbox` (durable), `gateway` (batches),
`payloads` (ciphertext by commitment), `store` (the SQL under them).

Acknowledged means on disk. One bad event never costs the batch.
"""
