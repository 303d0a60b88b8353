"""The chain behind one interface: `client` (the interface and its records), `embedded` (py-evm in process),
`rpc` (any EVM network), `codec` and `facts` (batches and logs), `deploy` (contracts), `authority` (who takes
part), `views` (present state), `tx` (sending and waiting), `checkpoints` (the operator's signed log).

Only `embedded` imports py-evm.
"""
