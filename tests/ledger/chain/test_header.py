"""Block headers: only what hashes to the stated hash, in the one canonical form."""

from __future__ import annotations

from typing import Any

import pytest
import rlp
from eth_hash.auto import keccak

from ledger.chain.header import decode_header, header_from_json, state_root
from ledger.errors import TrustError

# Ethereum mainnet, block 1 (Frontier): fields as any node gives them
MAINNET_1: dict[str, Any] = {
    "parentHash": "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3",
    "sha3Uncles": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
    "miner": "0x05a56e2d52c817161883f50c441c3228cfe54d9f",
    "stateRoot": "0xd67e4d450343046425ae4271474353857ab860dbc0a1dde64b41b5cd3a532bf3",
    "transactionsRoot": "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
    "receiptsRoot": "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
    "logsBloom": "0x" + "00" * 256, "difficulty": "0x3ff800000", "number": "0x1", "gasLimit": "0x1388",
    "gasUsed": "0x0", "timestamp": "0x55ba4224", "extraData": "0x476574682f76312e302e302f6c696e75782f676f312e342e32",
    "mixHash": "0x969b900de27b6ac6a67742365dd65f55a0526c41fd18e1b16f1a1215c2e66f59",
    "nonce": "0x539bd4979fef1ec4",
    "hash": "0x88e96d4537bea4d9c05d12549907b32561d3bf31f45aae734cdc119f13406cb6",
}


def test_header__of_mainnet_block_1__hashes_as_everybody_knows() -> None:
    header = header_from_json(MAINNET_1)
    assert "0x" + header.hash.hex() == MAINNET_1["hash"]
    assert (header.number, header.timestamp) == (1, 0x55BA4224)
    assert "0x" + state_root(header.rlp).hex() == MAINNET_1["stateRoot"]
    assert decode_header(header.rlp) == header


@pytest.mark.parametrize("name", sorted(set(MAINNET_1) - {"hash"}))
def test_header__any_field_changed_or_missing__is_distrusted(name: str) -> None:
    value = MAINNET_1[name]
    changed = value[:-1] + ("1" if value[-1] != "1" else "2")
    for bad in (changed, None, "0x", "zz", 5):
        with pytest.raises(TrustError):
            header_from_json({**MAINNET_1, name: bad})
    with pytest.raises(TrustError):
        header_from_json({k: v for k, v in MAINNET_1.items() if k != name})


@pytest.mark.parametrize("name", ["baseFeePerGas", "withdrawalsRoot", "requestsHash"])
def test_header__later_field_added__is_hashed_and_so_distrusted(name: str) -> None:
    with pytest.raises(TrustError):
        header_from_json({**MAINNET_1, name: "0x" + "11" * 32})


def fields() -> list[bytes]:
    return list(rlp.decode(header_from_json(MAINNET_1).rlp))


@pytest.mark.parametrize("change", [
    lambda f: f[:14], lambda f: [*f[:8], b"\x00\x01", *f[9:]], lambda f: [*f[:8], b"\x01" * 33, *f[9:]],
    lambda f: [f[0][:31], *f[1:]], lambda f: [[f[0]], *f[1:]], lambda f: [*f, b"\x01" * 3000],
], ids=["too few", "leading zero", "huge number", "short hash", "nested", "too long"])
def test_header__not_canonical__is_distrusted(change) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TrustError):
        decode_header(rlp.encode(change(fields())))


@pytest.mark.parametrize("encoded", [b"", b"\x80", b"\xc0", b"\xf9\x02", rlp.encode(b"text")], ids=lambda e: e.hex() or "none")
def test_header__no_list_of_fields__is_distrusted(encoded: bytes) -> None:
    with pytest.raises(TrustError):
        decode_header(encoded)


def test_header__lists_inside_lists_without_end__is_distrusted() -> None:
    nested = b"\xc0"
    while len(nested) < 1_900:
        size = len(nested)
        nested = (bytes([0xC0 + size]) if size < 56 else b"\xf8" + bytes([size]) if size < 256
                  else b"\xf9" + size.to_bytes(2, "big")) + nested
    with pytest.raises(TrustError):
        decode_header(nested)
    assert keccak(nested)
