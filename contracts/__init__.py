"""Solidity sources, forge tests and committed artifacts; the Python here only loads them.

Start with `src/CustodyLedger.sol` (what is refused and what each kind does), then `src/Participants.sol`
(who may do what). `artifacts.py` loads ABI and bytecode; users never compile.
"""
