"""The chain behind one interface: `client` (the interface and its records), `embedded` (py-evm in process),
`rpc` (any EVM network), `codec` (batches and logs), `deploy` (contracts and governance).

Only `embedded` imports py-evm.
"""
