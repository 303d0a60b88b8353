"""Checkpoints: one canonical form, one pinned key, and no two histories."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from nacl.signing import SigningKey

from ledger.chain.client import Header
from ledger.errors import InputError, TrustError
from ledger.proofs.checkpoint import (
    ZERO_HASH,
    Checkpoint,
    CheckpointKey,
    extend,
    sign_checkpoint,
    verify_checkpoint,
)

ORIGIN = "ledger.example/20263001"
KEY, OTHER = SigningKey(b"\x01" * 32), SigningKey(b"\x02" * 32)
PINNED = CheckpointKey(ORIGIN, bytes(KEY.verify_key))
FIRST = Checkpoint(ORIGIN, 12, b"\xaa" * 32, ZERO_HASH)


def header(number: int, parent: bytes, branch: int = 0) -> Header:
    return Header(number, bytes([branch]) * 31 + bytes([number]), parent, 1_000 + number, bytes(32), b"")


def chain_of(count: int, branch: int = 0) -> list[Header]:
    headers = [header(0, bytes(32), branch)]
    for number in range(1, count):
        headers.append(header(number, headers[-1].hash, branch))
    return headers


def test_note__known_key__has_these_bytes() -> None:
    note = sign_checkpoint(FIRST, KEY)
    assert note == (
        "ledger.example/20263001\n12\nqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=\n"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n"
        "\u2014 ledger.example/20263001 hTjDzDgPAfT+YBaLdWCDa+OAjLn1LcvYFifQPLq8yRfO3VQjFw+ajHUmtrGKbF8d3ZqfDZIksT49cOJdgGhD6f2/jQQ=\n")
    assert PINNED.to_text() == "ledger.example/20263001+8538c3cc+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c"
    assert verify_checkpoint(note, PINNED) == FIRST


def test_note__of_another_key__is_refused() -> None:
    with pytest.raises(TrustError):
        verify_checkpoint(sign_checkpoint(FIRST, OTHER), PINNED)


def test_note__right_key_under_another_name__is_refused() -> None:
    with pytest.raises(TrustError):
        verify_checkpoint(sign_checkpoint(replace(FIRST, origin="other.example/1"), KEY), PINNED)


def test_note__any_byte_changed__is_refused() -> None:
    note = sign_checkpoint(FIRST, KEY)
    for place, char in enumerate(note):
        for instead in {"A" if char != "A" else "B", "\n", " ", ""} - {char}:
            with pytest.raises(TrustError):
                verify_checkpoint(note[:place] + instead + note[place + 1:], PINNED)


def test_note__signature_of_a_witness_beside_ours__is_passed_over() -> None:
    note = sign_checkpoint(FIRST, KEY)
    witness = sign_checkpoint(FIRST, OTHER).split("\n\n")[1].replace(ORIGIN, "witness.example")
    assert verify_checkpoint(note + witness, PINNED) == FIRST
    assert verify_checkpoint(note.replace("\n\n", "\n\n" + witness), PINNED) == FIRST


def test_note__our_signature_twice__is_refused() -> None:
    note = sign_checkpoint(FIRST, KEY)
    with pytest.raises(TrustError):
        verify_checkpoint(note + note.split("\n\n")[1], PINNED)


@pytest.mark.parametrize("text", [
    f"{ORIGIN}\n012\n{{h}}\n{{z}}\n", f"{ORIGIN}\n+12\n{{h}}\n{{z}}\n", f"{ORIGIN}\n-1\n{{h}}\n{{z}}\n",
    f"{ORIGIN}\n1_2\n{{h}}\n{{z}}\n", f"{ORIGIN}\n12\n{{h}}\n", f"{ORIGIN}\n12\n{{h}}\n{{z}}\nmore\n",
    f"{ORIGIN}\n12\nqqo=\n{{z}}\n", f"{ORIGIN}\n\uff11\uff12\n{{h}}\n{{z}}\n",
    f"{ORIGIN}\n9223372036854775808\n{{h}}\n{{z}}\n",
], ids=["leading zero", "plus", "negative", "underscore", "line missing", "line more", "short hash", "full-width digits",
        "beyond 63 bits"])
def test_note__signed_but_not_canonical__is_refused(text: str) -> None:
    text = text.format(h=base64.b64encode(FIRST.block_hash).decode(), z=base64.b64encode(ZERO_HASH).decode())
    line = base64.b64encode(PINNED.key_hash + KEY.sign(text.encode()).signature).decode()
    with pytest.raises(TrustError):
        verify_checkpoint(f"{text}\n\u2014 {ORIGIN} {line}\n", PINNED)


def test_key__as_text__is_read_back_and_a_wrong_hash_refused() -> None:
    text = PINNED.to_text()
    assert CheckpointKey.from_text(text) == PINNED
    for bad in (text[:-4], text.replace("+", "-"), "x" + text, text.replace(PINNED.key_hash.hex(), "00000000")):
        with pytest.raises(InputError):
            CheckpointKey.from_text(bad)


@pytest.mark.parametrize("origin", ["", "two words", "a+b", "line\nbreak", "x" * 201])
def test_key__name_that_a_note_cannot_carry__is_refused(origin: str) -> None:
    with pytest.raises(InputError):
        CheckpointKey(origin, bytes(32))


def test_chain__grows__each_checkpoint_names_the_one_before() -> None:
    headers = chain_of(6)
    first = extend(ORIGIN, None, headers[:3])
    second = extend(ORIGIN, first, headers[3:])
    assert (first.block_number, first.block_hash, first.previous) == (2, headers[2].hash, ZERO_HASH)
    assert (second.block_number, second.block_hash, second.previous) == (5, headers[5].hash, first.digest())


@pytest.mark.parametrize("headers", [
    chain_of(6)[4:], chain_of(6, branch=1)[3:], chain_of(6)[2:], [*chain_of(6)[3:5], chain_of(6, branch=1)[5]],
    [replace(chain_of(6)[3], number=4)],
], ids=["gap", "fork", "repeated", "fork further on", "wrong number"])
def test_chain__does_not_extend_what_was_signed__nothing_is_signed(headers: list[Header]) -> None:
    first = extend(ORIGIN, None, chain_of(6)[:3])
    with pytest.raises(TrustError):
        extend(ORIGIN, first, headers)


def test_chain__without_a_new_block_or_of_another_name__nothing_is_signed() -> None:
    first = extend(ORIGIN, None, chain_of(3))
    with pytest.raises(InputError):
        extend(ORIGIN, first, [])
    with pytest.raises(InputError):
        extend(ORIGIN, None, [])
    with pytest.raises(InputError):
        extend("other", first, [header(3, first.block_hash)])
