"""Sealed payloads and grants: who opens what, and that nothing changed opens or verifies."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt
from nacl.public import Box, PrivateKey, PublicKey

from ledger.errors import InputError, NotFoundError, TooLargeError, TrustError
from ledger.events.strict_json import dump_json
from ledger.keys.grants import Grant, Scope, make_grant, open_grant, verify_grant
from ledger.keys.local_signer import LocalSigner
from ledger.keys.reading import ReadingKey
from ledger.keys.sealing import (
    Opened,
    SealedPayload,
    check_opened,
    content_key_of,
    open_sealed,
    open_with_content_key,
    reseal,
    seal,
    with_reader,
)
from ledger.limits import DEFAULT_LIMITS
from ledger.proofs.commitment import commit

VECTORS = json.loads((Path(__file__).resolve().parents[3] / "docs" / "formats" / "vectors" / "sealing.json").read_text())
KEYS = {n: ReadingKey(bytes([n]) * 32) for n in range(1, 6)}
SECRET = b"\x0a" * 32
EVENT: dict[str, Any] = {"eventID": "urn:x", "type": "ObjectEvent",
                         "quantityList": [{"quantity": Decimal("1200.500000"), "uom": "KGM"}, {"quantity": 9007199254740993}]}
SIGNER = LocalSigner(b"\x05" * 32)
LEDGER = b"\x0c" * 20


def root_of(event: dict[str, Any], submitter: str = "acme") -> bytes:
    return commit(event, SECRET, submitter=submitter).root


def sealed_to(*readers: int) -> SealedPayload:
    return seal(EVENT, secret=SECRET, submitter="acme", commitment=root_of(EVENT), readers={n: KEYS[n].public for n in readers})


@pytest.mark.parametrize("reader", range(1, 6))
def test_reader_matrix__only_those_sealed_to__open(reader: int) -> None:
    sealed = sealed_to(1, 3, 4)
    if reader in (1, 3, 4):
        opened = open_sealed(sealed, KEYS[reader])
        assert opened == Opened(EVENT, SECRET, "acme", opened.content_key, frozenset({1, 3, 4}))
        assert dump_json(opened.event) == dump_json(EVENT)  # digits and all
        check_opened(opened, root_of(EVENT))
    else:
        with pytest.raises(NotFoundError):
            open_sealed(sealed, KEYS[reader])


def test_reader__claims_anothers_place__opens_nothing() -> None:
    sealed = sealed_to(1)
    stolen = replace(sealed, readers=(replace(sealed.readers[0], public_key=KEYS[2].public),))
    with pytest.raises(TrustError):
        open_sealed(stolen, KEYS[2])


def test_sealed__twice__shares_no_key_nonce_or_ciphertext() -> None:
    one, two = sealed_to(1), sealed_to(1)
    assert one.nonce != two.nonce and one.ciphertext != two.ciphertext
    assert content_key_of(one, KEYS[1]) != content_key_of(two, KEYS[1])


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=7))
def test_sealed__any_bit_flipped__does_not_open(position: int, bit: int) -> None:
    sealed = sealed_to(1)
    data = bytearray(sealed.ciphertext)
    data[position % len(data)] ^= 1 << bit
    with pytest.raises(TrustError):
        open_sealed(replace(sealed, ciphertext=bytes(data)), KEYS[1])
    key = bytearray(sealed.readers[0].sealed_key)
    key[position % len(key)] ^= 1 << bit
    with pytest.raises(TrustError):
        open_sealed(replace(sealed, readers=(replace(sealed.readers[0], sealed_key=bytes(key)),)), KEYS[1])


def test_sealed__moved_under_another_commitment__does_not_open() -> None:
    with pytest.raises(TrustError):
        open_sealed(replace(sealed_to(1), commitment=b"\x01" * 32), KEYS[1])
    with pytest.raises(TrustError):
        open_sealed(replace(sealed_to(1), nonce=bytes(24)), KEYS[1])


@pytest.mark.parametrize("change", [
    pytest.param(lambda o: replace(o, event={**o.event, "type": "Other"}), id="field"),
    pytest.param(lambda o: replace(o, submitter="other"), id="submitter"),
    pytest.param(lambda o: replace(o, secret=bytes(32)), id="secret"),
    pytest.param(lambda o: replace(o, event={**o.event, "quantityList": o.event["quantityList"][:1]}), id="element-gone"),
])
def test_opened__not_what_was_committed__trust_error(change: Any) -> None:
    opened = open_sealed(sealed_to(1), KEYS[1])
    with pytest.raises(TrustError):
        check_opened(change(opened), root_of(EVENT))


def test_opened__content_sealed_under_a_commitment_of_other_content__found_by_the_check() -> None:
    other = {**EVENT, "type": "AggregationEvent"}
    lie = seal(other, secret=SECRET, submitter="acme", commitment=root_of(EVENT), readers={1: KEYS[1].public})
    opened = open_sealed(lie, KEYS[1])  # decryption alone proves nothing
    with pytest.raises(TrustError):
        check_opened(opened, root_of(EVENT))


@pytest.mark.parametrize("plain", [b"", b"[]", b"{}", b'{"event":{},"secret":"00","submitter":"x"}',
                                   b'{"event":{"a":1,"a":2},"secret":"' + b"00" * 32 + b'","submitter":"x"}',
                                   b'{"event":[],"secret":"' + b"00" * 32 + b'","submitter":"x"}'])
def test_opened__plaintext_malformed__trust_error(plain: bytes) -> None:
    ciphertext = crypto_aead_xchacha20poly1305_ietf_encrypt(
        plain, b"cargoledger sealed payload v1\x00" + bytes(32), bytes(24), bytes(32))
    with pytest.raises(TrustError):
        open_with_content_key(SealedPayload(bytes(32), bytes(24), ciphertext, ()), bytes(32))


def test_reader__added_later__opens_the_same_ciphertext() -> None:
    sealed = sealed_to(1, 2)
    wider = with_reader(sealed, 5, KEYS[5].public, content_key_of(sealed, KEYS[1]))
    assert (wider.commitment, wider.nonce, wider.ciphertext) == (sealed.commitment, sealed.nonce, sealed.ciphertext)
    assert wider.readers[:2] == sealed.readers and [r.participant for r in wider.readers] == [1, 2, 5]
    assert open_sealed(wider, KEYS[5]) == open_sealed(sealed, KEYS[1])
    with pytest.raises(NotFoundError):
        open_sealed(sealed, KEYS[5])


def test_readers__listed_by_whoever_stores_it__do_not_count() -> None:
    sealed = sealed_to(1, 2)
    opened = open_sealed(sealed, KEYS[1])
    assert opened.sealed_for(sealed) == {1, 2}
    forged = with_reader(sealed, 5, KEYS[5].public, bytes(32))  # a store needs no content key to write a line
    assert open_sealed(forged, KEYS[1]).sealed_for(forged) == {1, 2}
    dropped = replace(sealed, readers=sealed.readers[:1])
    assert open_sealed(dropped, KEYS[1]).sealed_for(dropped) == {1}


def test_readers__not_written_inside__payload_made_before_still_opens() -> None:
    old = SealedPayload.from_json(VECTORS["sealedPayload"]["sealed"])
    opened = open_sealed(old, ReadingKey(bytes.fromhex(VECTORS["sealedPayload"]["readers"][0]["secretKey"])))
    assert opened.readers is None and opened.sealed_for(old) == {r.participant for r in old.readers}


@pytest.mark.parametrize("readers", ["{}", "[2, 1]", "[1, 1]", "[true]", "[-1]", "[4294967296]", '["1"]', "null"])
def test_readers__malformed_inside__trust_error(readers: str) -> None:
    plain = f'{{"event":{{}},"secret":"{"00" * 32}","submitter":"x","readers":{readers}}}'.encode()
    ciphertext = crypto_aead_xchacha20poly1305_ietf_encrypt(plain, b"cargoledger sealed payload v1\x00" + bytes(32), bytes(24), bytes(32))
    with pytest.raises(TrustError):
        open_with_content_key(SealedPayload(bytes(32), bytes(24), ciphertext, ()), bytes(32))


def test_seal__limits__refused() -> None:
    with pytest.raises(InputError):
        sealed_to()
    with pytest.raises(TooLargeError):
        seal({"a": "x" * DEFAULT_LIMITS.event_bytes_max}, secret=SECRET, submitter="a", commitment=bytes(32),
             readers={1: KEYS[1].public})
    with pytest.raises(TooLargeError):
        seal(EVENT, secret=SECRET, submitter="a", commitment=bytes(32),
             readers=dict.fromkeys(range(1, DEFAULT_LIMITS.readers_max + 2), KEYS[1].public))
    with pytest.raises(InputError):
        reseal(bytes(32), bytes(32))  # a point of low order seals to everybody
    with pytest.raises(InputError):
        seal({"a": 1.5}, secret=SECRET, submitter="a", commitment=bytes(32), readers={1: KEYS[1].public})


@pytest.mark.parametrize("change", [
    pytest.param(lambda v: v | {"extra": 1}, id="extra"),
    pytest.param(lambda v: v | {"version": 2}, id="version"),
    pytest.param(lambda v: v | {"nonce": "0x" + "AB" * 24}, id="upper-case-hex"),
    pytest.param(lambda v: v | {"ciphertext": v["ciphertext"] + "="}, id="base64-tail"),
    pytest.param(lambda v: v | {"readers": v["readers"][::-1]}, id="readers-descending"),
    pytest.param(lambda v: v | {"readers": v["readers"] + v["readers"]}, id="reader-twice"),
    pytest.param(lambda v: v | {"readers": [v["readers"][0] | {"participant": True}]}, id="true-is-no-number"),
    pytest.param(lambda v: v | {"readers": [v["readers"][0] | {"sealedKey": "AAAA"}]}, id="short-key"),
    pytest.param(lambda v: v | {"readers": {}}, id="no-list"),
])
def test_sealed_json__not_canonical__refused(change: Any) -> None:
    value = sealed_to(1, 2).to_json()
    assert SealedPayload.from_json(json.loads(json.dumps(value))).to_json() == value
    with pytest.raises(InputError):
        SealedPayload.from_json(change(value))


# grants


def grant_of(**changes: Any) -> Grant:
    sealed = sealed_to(1)
    fields: dict[str, Any] = {
        "signer": SIGNER, "chain_id": 7, "ledger": LEDGER, "grantor": 1, "grantee": 4, "grantee_key": KEYS[4].public,
        "scope": Scope(units=(b"\x01" * 32,), book=2, from_ms=5), "reason": "audit 2026", "issued_at_s": 100, "until_s": 200}
    return make_grant({sealed.commitment: content_key_of(sealed, KEYS[1])}, **{**fields, **changes})


def whose(address: bytes) -> int | None:
    return {SIGNER.address: 1, LocalSigner(b"\x06" * 32).address: 2}.get(address)


def check(grant: Grant, **changes: Any) -> None:
    verify_grant(grant, **{"chain_id": 7, "ledger": LEDGER, "participant_of": whose, "now_s": 150, **changes})


def test_grant__by_a_reader__opens_for_the_grantee_only() -> None:
    grant = grant_of()
    check(grant)
    sealed = sealed_to(1)
    keys = open_grant(grant, KEYS[4])
    assert set(keys) == {sealed.commitment}
    with pytest.raises(TrustError):
        open_grant(grant, KEYS[5])
    assert Grant.from_json(json.loads(json.dumps(grant.to_json()))) == grant


def test_grant__signature__is_a_personal_message_that_eth_account_agrees_on() -> None:
    grant = grant_of()
    recovered = Account.recover_message(encode_defunct(primitive=grant.message()), signature=grant.signature)
    assert bytes.fromhex(recovered[2:]) == SIGNER.address


FIELDS = [
    ("chain_id", 8), ("ledger", b"\x0d" * 20), ("grantor", 2), ("grantee", 5), ("grantee_key", bytes(31) + b"\x09"),
    ("scope", Scope()), ("reason", "other"), ("reference", b"\x01" * 32), ("issued_at_s", 99), ("until_s", None),
    ("entries", ()),
]


@pytest.mark.parametrize(("name", "value"), FIELDS, ids=[name for name, _ in FIELDS])
def test_grant__any_field_changed__does_not_verify(name: str, value: Any) -> None:
    with pytest.raises(TrustError):
        check(replace(grant_of(), **{name: value}))
    assert {name for name, _ in FIELDS} | {"signature"} == set(Grant.__dataclass_fields__)


@pytest.mark.parametrize("changes", [
    pytest.param({"chain_id": 8}, id="other-chain"),
    pytest.param({"ledger": bytes(20)}, id="other-ledger"),
    pytest.param({"now_s": 201}, id="ended"),
    pytest.param({"participant_of": lambda _a: None}, id="unknown-signer"),
    pytest.param({"participant_of": lambda _a: 2}, id="signed-by-another"),
])
def test_grant__out_of_place_or_time__does_not_verify(changes: dict[str, Any]) -> None:
    check(grant_of(), now_s=200)
    check(grant_of(), now_s=None)
    with pytest.raises(TrustError):
        check(grant_of(), **changes)


@pytest.mark.parametrize("changes", [{"reason": " "}, {"reason": "x" * 501}, {"until_s": 100}])
def test_grant__without_reason_or_duration__refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        grant_of(**changes)
    with pytest.raises(InputError):
        make_grant({}, signer=SIGNER, chain_id=7, ledger=LEDGER, grantor=1, grantee=4, grantee_key=KEYS[4].public,
                   scope=Scope(), reason="x", issued_at_s=1)


# known answers


def test_vectors__sealed_payload__opens_and_every_byte_is_as_documented() -> None:
    vector = VECTORS["sealedPayload"]
    sealed = SealedPayload.from_json(vector["sealed"])
    commitment, content_key = bytes.fromhex(vector["commitment"]), bytes.fromhex(vector["contentKey"])
    for reader in vector["readers"]:
        key = ReadingKey(bytes.fromhex(reader["secretKey"]))
        assert key.public.hex() == reader["publicKey"]
        opened = open_sealed(sealed, key)
        check_opened(opened, commitment)
        assert opened.content_key == content_key
        assert dump_json(opened.event) == vector["eventText"]
    # the documented construction, put together again from its parts
    plain = vector["plaintext"].encode()
    assert sealed.ciphertext == crypto_aead_xchacha20poly1305_ietf_encrypt(
        plain, b"cargoledger sealed payload v1\x00" + commitment, bytes.fromhex(vector["nonce"]), content_key)
    for reader, entry in zip(vector["readers"], sealed.readers, strict=True):
        ephemeral, boxed = entry.sealed_key[:32], entry.sealed_key[32:]
        nonce = hashlib.blake2b(ephemeral + entry.public_key, digest_size=24).digest()
        box = Box(PrivateKey(bytes.fromhex(reader["secretKey"])), PublicKey(ephemeral))
        assert box.decrypt(boxed, nonce) == content_key


def test_vectors__grant__message_digest_and_signature() -> None:
    vector = VECTORS["grant"]
    grant = Grant.from_json(vector["grant"])
    assert grant.message() == vector["message"].encode()
    assert grant.grant_id.hex() == vector["grantId"]
    signer = LocalSigner(bytes.fromhex(vector["signerKey"]))
    from ledger.keys.grants import personal_digest
    assert personal_digest(grant.message()).hex() == vector["digest"]
    assert signer.sign_digest(bytes.fromhex(vector["digest"])) == grant.signature
    verify_grant(grant, chain_id=grant.chain_id, ledger=grant.ledger, participant_of=lambda a: 3 if a == signer.address else None)
    content_keys = open_grant(grant, ReadingKey(bytes.fromhex(vector["granteeSecretKey"])))
    assert content_keys == {bytes.fromhex(VECTORS["sealedPayload"]["commitment"]): bytes.fromhex(VECTORS["sealedPayload"]["contentKey"])}


def test_vectors__one_byte_changed__fails() -> None:
    value = copy.deepcopy(VECTORS["sealedPayload"]["sealed"])
    data = bytearray(base64.b64decode(value["ciphertext"]))
    data[0] ^= 1
    value["ciphertext"] = base64.b64encode(bytes(data)).decode()
    with pytest.raises(TrustError):
        open_sealed(SealedPayload.from_json(value), ReadingKey(bytes.fromhex(VECTORS["sealedPayload"]["readers"][0]["secretKey"])))
