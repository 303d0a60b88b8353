"""Key files and signers: nobody else may read them, nothing overwrites them, one kind is not taken for another."""

from __future__ import annotations

import inspect
import json
import os
import stat
from pathlib import Path

import pytest
from coincurve.utils import GROUP_ORDER_INT
from eth_account import Account

from ledger.chain.tx import transaction_fields
from ledger.errors import AuthenticationError, ConflictError, InputError, NotFoundError, TrustError
from ledger.keys.local_signer import LocalSigner
from ledger.keys.reading import (
    ReadingKey,
    load_checkpoint_key,
    load_reading_key,
    load_shared_secret,
    new_checkpoint_key,
    new_reading_key,
    new_shared_secret,
)
from ledger.keys.secret_files import create_file, path_of
from ledger.keys.signers import SIGNER_FOR_URI_SCHEME, load_signer, new_signer, recover_address
from ledger.keys.signers.keystore import SCRYPT_N, change_password, import_keystore, new_keystore_signer

DIGEST = bytes(range(32))
TEST_SCRYPT_N = 1024  # a real keystore takes 256 MiB
WEB3_STORAGE_VECTOR = {  # test vector "scrypt" of the Web3 Secret Storage Definition
    "crypto": {
        "cipher": "aes-128-ctr", "cipherparams": {"iv": "83dbcc02d8ccb40e466191a123791e0e"},
        "ciphertext": "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c", "kdf": "scrypt",
        "kdfparams": {"dklen": 32, "n": 262144, "p": 8, "r": 1, "salt": "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19"},
        "mac": "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097"},
    "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6", "version": 3}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


MAKERS = [
    pytest.param(new_signer, id="signer"),
    pytest.param(new_reading_key, id="reading"),
    pytest.param(new_checkpoint_key, id="checkpoint"),
    pytest.param(new_shared_secret, id="shared"),
    pytest.param(lambda path: new_keystore_signer(path, "secret", scrypt_n=TEST_SCRYPT_N), id="keystore"),
]


@pytest.mark.parametrize("make", MAKERS)
def test_key_file__created_under_an_open_umask__0600_from_the_first_moment(make, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    opened: list[int] = []
    original = os.open

    def spy(path, flags, mode=0o777, **more):  # type: ignore[no-untyped-def]
        descriptor = original(path, flags, mode, **more)
        if flags & os.O_CREAT:
            opened.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
            assert flags & os.O_EXCL
        return descriptor

    monkeypatch.setattr(os, "open", spy)
    before = os.umask(0)
    try:
        make(tmp_path / "home" / "keys" / "a.key")
    finally:
        os.umask(before)
    assert opened == [0o600]  # not made open and closed afterwards
    assert mode(tmp_path / "home") == mode(tmp_path / "home" / "keys") == 0o700
    assert mode(tmp_path / "home" / "keys" / "a.key") == 0o600
    assert [p.name for p in (tmp_path / "home" / "keys").iterdir()] == ["a.key"]  # nothing left beside it


@pytest.mark.parametrize("make", MAKERS)
def test_key_file__exists__conflict_and_untouched(make, tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "a.key"
    make(path)
    before = path.read_bytes()
    with pytest.raises(ConflictError):
        make(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o660, 0o644, 0o620])
def test_key_file__readable_or_writable_by_others__refused_with_remedy(bits: int, tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    new_signer(path)
    path.chmod(bits)
    with pytest.raises(InputError, match="chmod 600"):
        load_signer(f"file:{path}")
    path.chmod(0o600)
    load_signer(f"file:{path}")


@pytest.mark.parametrize("bits", [0o720, 0o702, 0o777])
def test_key_file__in_a_folder_where_others_write__refused_with_remedy(bits: int, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    new_signer(folder / "a.key")
    folder.chmod(bits)
    with pytest.raises(InputError, match="chmod go-w"):
        load_signer(f"file:{folder}/a.key")
    folder.chmod(bits | stat.S_ISVTX)  # as /tmp: there nobody replaces what is another's
    load_signer(f"file:{folder}/a.key")


def test_key_file__of_another_kind__refused_without_showing_it(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    new_reading_key(path)
    with pytest.raises(InputError) as fault:
        load_signer(f"file:{path}")
    assert path.read_text().partition(":")[2].strip() not in str(fault.value)
    with pytest.raises(InputError):
        load_shared_secret(f"file:{path}")
    with pytest.raises(InputError):
        load_checkpoint_key(f"file:{path}")


@pytest.mark.parametrize("text", ["", "secp256k1:", "secp256k1:zz", "secp256k1:" + "00" * 31, "secp256k1:" + "00" * 32,
                                  "secp256k1:" + "ff" * 32, "00" * 32, "secp256k1:" + " " + "11" * 32 + "22"])
def test_key_file__malformed__refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    path.touch(mode=0o600)
    path.write_text(text)
    with pytest.raises(InputError):
        load_signer(f"file:{path}")


def test_signer__missing_file__not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        load_signer(f"file:{tmp_path}/none.key")
    with pytest.raises(InputError):
        load_signer(f"file:{tmp_path}")


@pytest.mark.parametrize("uri", ["", "deadbeef", "/a/b.key", "http://x", "file:", "file://host/a", "remote:https://x", "file:x#y=1",
                                 "keystore:", "remote:"])
def test_signer__uri_not_usable__clear_error(uri: str) -> None:
    with pytest.raises(InputError) as fault:
        load_signer(uri)
    assert fault.value.message


def test_signer__every_scheme__is_named_in_the_error() -> None:
    with pytest.raises(InputError) as fault:
        load_signer("gpg:x")
    assert all(f"{scheme}:" in str(fault.value) for scheme in SIGNER_FOR_URI_SCHEME)


def test_uri__relative_and_absolute__one_meaning(tmp_path: Path) -> None:
    assert path_of("file:a/b", tmp_path) == tmp_path / "a" / "b"
    assert path_of("file:/a/b", tmp_path) == path_of("file:///a/b", tmp_path) == Path("/a/b")


def test_signer__seed__gives_the_same_key_and_random_ones_differ(tmp_path: Path) -> None:
    seeded = new_signer(tmp_path / "a", seed=b"\x05" * 32)
    assert seeded.address == LocalSigner(b"\x05" * 32).address
    assert new_signer(tmp_path / "b").address != new_signer(tmp_path / "c").address
    assert load_signer("file:b", base=tmp_path).address == load_signer(f"file:{tmp_path}/b").address
    with pytest.raises(InputError):
        new_signer(tmp_path / "d", seed=bytes(31))
    with pytest.raises(InputError):
        new_signer(tmp_path / "d", seed=b"\x05" * 32, password="x")
    assert not (tmp_path / "d").exists()


def test_signature__of_digest__low_s_and_recovers_like_eth_account() -> None:
    for number in range(1, 40):
        signer = LocalSigner(number.to_bytes(32, "big"))
        signature = signer.sign_digest(DIGEST)
        other = Account.unsafe_sign_hash(DIGEST, number.to_bytes(32, "big"))  # an implementation of its own
        assert signature == other.signature
        assert 0 < int.from_bytes(signature[32:64], "big") <= GROUP_ORDER_INT // 2 and signature[64] in (27, 28)
        assert recover_address(DIGEST, signature) == signer.address


def test_signature__high_s_twin__refused() -> None:
    signature = LocalSigner(b"\x05" * 32).sign_digest(DIGEST)
    high = (GROUP_ORDER_INT - int.from_bytes(signature[32:64], "big")).to_bytes(32, "big")
    with pytest.raises(InputError, match="canonical"):
        recover_address(DIGEST, signature[:32] + high + bytes([55 - signature[64]]))
    for wrong in (0, 1, 26, 29):
        with pytest.raises(InputError):
            recover_address(DIGEST, signature[:64] + bytes([wrong]))
    with pytest.raises(InputError):
        LocalSigner(b"\x05" * 32).sign_digest(DIGEST + b"\x00")


def test_transaction__signed__recovers_to_the_signer() -> None:
    signer = LocalSigner(b"\x05" * 32)
    raw = signer.sign_transaction(transaction_fields(
        chain_id=7, nonce=3, to=b"\x11" * 20, data=b"\x01\x02", gas=90_000, gas_price=0))
    assert Account.recover_transaction(raw) == Account.from_key(b"\x05" * 32).address
    with pytest.raises(InputError):
        signer.sign_transaction({"gas": 1})


def test_signer__repr__shows_no_key() -> None:
    assert "05" * 8 not in repr(LocalSigner(b"\x05" * 32)) and "05" * 8 not in repr(ReadingKey(b"\x05" * 32))


def test_keystore__right_and_wrong_password__asked_once(tmp_path: Path) -> None:
    path = tmp_path / "k.json"
    made = new_keystore_signer(path, "pässwörd", scrypt_n=TEST_SCRYPT_N)
    prompts: list[str] = []

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return "pässwörd"

    signer = load_signer(f"keystore:{path}", ask)
    signer.sign_digest(DIGEST)
    signer.sign_digest(DIGEST)
    assert signer.address == made.address and len(prompts) == 1 and str(path) in prompts[0]
    assert load_signer("keystore:k.json", ask, base=tmp_path) is signer  # unlocked once a process ...
    assert load_signer(f"keystore:{path}") is signer and len(prompts) == 1  # ... also where nobody can answer
    other = tmp_path / "other.json"
    new_keystore_signer(other, "secret", scrypt_n=TEST_SCRYPT_N)
    for wrong in ("password", ""):
        with pytest.raises(AuthenticationError):
            load_signer(f"keystore:{other}", lambda _prompt, wrong=wrong: wrong)  # type: ignore[misc]
    path.write_text(other.read_text())  # another keystore under the same name
    with pytest.raises(AuthenticationError):
        load_signer(f"keystore:{path}", ask)
    with pytest.raises(InputError, match="nobody is there to ask"):
        load_signer(f"keystore:{other}")
    with pytest.raises(InputError):
        new_keystore_signer(tmp_path / "third", "")
    assert not (tmp_path / "third").exists()


def test_keystore__default_cost__is_that_of_the_definition() -> None:
    assert 128 * SCRYPT_N * 8 == 256 << 20
    assert inspect.signature(new_keystore_signer).parameters["scrypt_n"].default == SCRYPT_N
    assert inspect.signature(change_password).parameters["scrypt_n"].default == SCRYPT_N


def test_keystore__vector_of_the_definition__opens(tmp_path: Path) -> None:
    path = tmp_path / "k.json"
    create_file(path, json.dumps(WEB3_STORAGE_VECTOR))
    signer = load_signer(f"keystore:{path}", lambda _prompt: "testpassword")
    assert signer.address == LocalSigner(bytes.fromhex("7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d")).address


def test_keystore__password_in_a_file__for_services_that_nobody_can_ask(tmp_path: Path) -> None:
    made = new_keystore_signer(tmp_path / "k.json", "pässwörd 1", scrypt_n=TEST_SCRYPT_N)
    secret = tmp_path / "password"
    secret.touch(mode=0o600)
    secret.write_text("pässwörd 1\n", "utf-8")
    secret.chmod(0o644)
    with pytest.raises(InputError, match="chmod 600"):
        load_signer("keystore:k.json#passwordFile=password", base=tmp_path)
    secret.chmod(0o600)
    assert load_signer("keystore:k.json#passwordFile=password", base=tmp_path).address == made.address
    new_keystore_signer(tmp_path / "k2.json", "other", scrypt_n=TEST_SCRYPT_N)
    with pytest.raises(AuthenticationError):
        load_signer("keystore:k2.json#passwordFile=password", base=tmp_path)
    for options in ("#passwordFile=", "#password=x", "#", "#passwordFile=password&passwordFile=password"):
        with pytest.raises(InputError):
            load_signer(f"keystore:k2.json{options}", base=tmp_path)


def test_keystore__other_tools_file__taken_over(tmp_path: Path) -> None:
    theirs = tmp_path / "UTC--their-name"
    create_file(theirs, json.dumps(Account.encrypt(b"\x05" * 32, "secret", kdf="scrypt", iterations=TEST_SCRYPT_N)))
    before = theirs.read_bytes()
    signer = import_keystore(theirs, "secret", tmp_path / "ours.json", scrypt_n=2 * TEST_SCRYPT_N)
    assert signer.address == LocalSigner(b"\x05" * 32).address and theirs.read_bytes() == before
    assert json.loads((tmp_path / "ours.json").read_text())["crypto"]["kdfparams"]["n"] == 2 * TEST_SCRYPT_N
    assert bytes(Account.decrypt((tmp_path / "ours.json").read_text(), "secret")) == b"\x05" * 32  # and theirs opens ours
    with pytest.raises(AuthenticationError):
        import_keystore(theirs, "wrong", tmp_path / "third.json", scrypt_n=TEST_SCRYPT_N)
    with pytest.raises(ConflictError):
        import_keystore(theirs, "secret", tmp_path / "ours.json", scrypt_n=TEST_SCRYPT_N)


def test_keystore__password_changed__same_key_and_only_the_new_one_opens(tmp_path: Path) -> None:
    path = tmp_path / "k.json"
    made = new_keystore_signer(path, "before", scrypt_n=TEST_SCRYPT_N)
    text = path.read_text()
    with pytest.raises(AuthenticationError):
        change_password(path, "wrong", "after", scrypt_n=TEST_SCRYPT_N)
    with pytest.raises(InputError):
        change_password(path, "before", "", scrypt_n=TEST_SCRYPT_N)
    assert path.read_text() == text
    change_password(path, "before", "after", scrypt_n=TEST_SCRYPT_N)
    assert mode(path) == 0o600 and [p.name for p in tmp_path.iterdir()] == ["k.json"]
    with pytest.raises(AuthenticationError):
        load_signer(f"keystore:{path}", lambda _prompt: "before")
    assert load_signer(f"keystore:{path}", lambda _prompt: "after").address == made.address


@pytest.mark.parametrize("change", [
    pytest.param(lambda text: text.replace('"version": 3', '"version": 1'), id="version"),
    pytest.param(lambda text: text.replace('"n": 1024', '"n": 1073741824'), id="memory-bomb"),
    pytest.param(lambda text: text.replace('"r": 8', '"r": 1048576'), id="memory-bomb-in-r"),
    pytest.param(lambda text: text.replace('"p": 1', '"p": 1048576'), id="time-bomb-in-p"),
    pytest.param(lambda text: text.replace('"n": 1024', '"n": true'), id="true-is-no-number"),
    pytest.param(lambda text: text.replace("scrypt", "pbkdf2"), id="kdf"),
    pytest.param(lambda text: "[]", id="list"),
    pytest.param(lambda text: text[:-20], id="cut"),
])
def test_keystore__malformed__refused_before_the_password_is_asked(change, tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "k.json"
    new_keystore_signer(path, "secret", scrypt_n=TEST_SCRYPT_N)
    text = change(path.read_text())
    assert text != path.read_text()
    path.write_text(text)

    def ask(_prompt: str) -> str:
        raise AssertionError("asked for a password")

    with pytest.raises(InputError):
        load_signer(f"keystore:{path}", ask)


def test_reading_and_other_keys__stored__read_back(tmp_path: Path) -> None:
    reading = new_reading_key(tmp_path / "r")
    assert load_reading_key(f"file:{tmp_path}/r").public == reading.public
    checkpoint = new_checkpoint_key(tmp_path / "c")
    assert load_checkpoint_key("file:c", base=tmp_path).public == checkpoint.public
    assert len(checkpoint.sign(b"x")) == 64
    secret = new_shared_secret(tmp_path / "s", seed=b"\x07" * 32)
    assert load_shared_secret(f"file:{tmp_path}/s") == secret == b"\x07" * 32
    with pytest.raises(TrustError):
        reading.open(bytes(80))
    with pytest.raises(InputError):
        ReadingKey(bytes(31))
