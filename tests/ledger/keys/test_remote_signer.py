"""A signing service: what it is asked, where it may stand, and that nothing but the pinned key's signature is taken from it."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from coincurve.utils import GROUP_ORDER_INT
from eth_account import Account

from ledger.chain.tx import transaction_fields
from ledger.digest import Digest
from ledger.errors import InputError, NotFoundError, TrustError, UnavailableError
from ledger.events.model import CustodyEvent, domain_separator, event_id
from ledger.keys.grants import personal_digest
from ledger.keys.local_signer import LocalSigner
from ledger.keys.signers import load_signer
from ledger.keys.signers.remote import RemoteSigner, _client, offered_addresses
from ledger.keys.signers.uri import split_uri
from ledger.vocabulary import Kind
from tests.ledger.keys.web3signer import Service, running

MINE, OTHER = b"\x05" * 32, b"\x06" * 32
ADDRESS = LocalSigner(MINE).address
SEPARATOR = domain_separator(7, b"\x11" * 20)
EVENT = event_id(CustodyEvent(Kind.OBSERVE, nonce=4, occurred_at_ms=1_700_000_000_000), SEPARATOR)


@pytest.fixture
def service() -> Iterator[Service]:
    with running(Service(OTHER, MINE)) as service:
        yield service


def signer_of(service: Service, **options: str) -> Any:
    more = "".join(f"&{name}={value}" for name, value in options.items())
    return load_signer(f"remote:{service.url}#address=0x{ADDRESS.hex()}{more}")


def test_event__signed_by_the_service__same_signature_as_with_the_key_here(service: Service) -> None:
    assert signer_of(service).sign_digest(EVENT) == LocalSigner(MINE).sign_digest(EVENT)
    method, path, body = service.asked[-1]
    # what the service sees is the message of EIP-712 itself: it hashes, and could refuse
    assert (method, path.rpartition("/")[0]) == ("POST", "/api/v1/eth1/sign")
    assert bytes.fromhex(body["data"][2:]) == EVENT.message and EVENT.message[:34] == b"\x19\x01" + SEPARATOR


def test_grant_and_transaction__signed_by_the_service__as_with_the_key_here(service: Service) -> None:
    signer = signer_of(service)
    digest = personal_digest(b"CargoLedger grant v1\n{}")
    assert signer.sign_digest(digest) == LocalSigner(MINE).sign_digest(digest)
    for to in (b"\x11" * 20, None):  # a call, and the making of a contract
        fields = transaction_fields(chain_id=7, nonce=3, to=to, data=b"\x01\x02", gas=90_000, gas_price=5)
        raw = signer.sign_transaction(dict(fields))
        assert raw == LocalSigner(MINE).sign_transaction(dict(fields))
        assert Account.recover_transaction(raw) == Account.from_key(MINE).address
    with pytest.raises(InputError):
        signer.sign_transaction({"gas": 1})
    with pytest.raises(InputError):
        signer.sign_transaction(fields | {"type": 1})


def test_keys__asked_for_once_and_not_before_the_first_signature(service: Service) -> None:
    signer = signer_of(service)
    assert signer.address == ADDRESS and service.asked == []
    signer.sign_digest(EVENT)
    signer.sign_digest(EVENT)
    assert [method for method, _, _ in service.asked] == ["GET", "POST", "POST"]
    assert set(offered_addresses(f"remote:{service.url}")) == {ADDRESS, LocalSigner(OTHER).address}
    assert "0x" + ADDRESS.hex() in repr(signer)


def test_digest__without_its_message__refused_unasked(service: Service) -> None:
    signer = signer_of(service)
    forged = Digest(bytes(32))
    forged.message = b"something else"
    for digest in (bytes(EVENT), forged):
        with pytest.raises(InputError, match="needs the message"):
            signer.sign_digest(digest)
    assert service.asked == []


def hex_of(signature: bytes) -> bytes:
    return b"0x" + signature.hex().encode()


RIGHT = LocalSigner(MINE).sign_digest(EVENT)
HIGH = RIGHT[:32] + (GROUP_ORDER_INT - int.from_bytes(RIGHT[32:64], "big")).to_bytes(32, "big") + bytes([55 - RIGHT[64]])


@pytest.mark.parametrize("spelling", [
    pytest.param(hex_of(HIGH), id="high-s"), pytest.param(hex_of(RIGHT[:64] + bytes([RIGHT[64] - 27])), id="v-from-0"),
    pytest.param(RIGHT.hex().encode(), id="without-0x"), pytest.param(hex_of(RIGHT) + b"\n", id="line-break"),
])
def test_signature__spelled_otherwise__taken_in_the_one_form_of_the_ledger(spelling: bytes, service: Service) -> None:
    service.signing = lambda _key, _data: (200, spelling)
    assert signer_of(service).sign_digest(EVENT) == RIGHT


@pytest.mark.parametrize("answer", [
    pytest.param(hex_of(LocalSigner(OTHER).sign_digest(EVENT)), id="another-key"),
    pytest.param(hex_of(LocalSigner(MINE).sign_digest(bytes(32))), id="another-message"),
    pytest.param(hex_of(bytes(65)), id="zeros"), pytest.param(b"", id="nothing"), pytest.param(b"0xzz", id="no-hex"),
    pytest.param(hex_of(RIGHT[:64]), id="64-bytes"), pytest.param(b"<html>please sign in</html>", id="a-page"),
    pytest.param(b"\xff" * 100, id="no-text"), pytest.param(b"0" * 100_000, id="endless"),
])
def test_signature__is_not_that_of_the_pinned_key__trust_error(answer: bytes, service: Service) -> None:
    service.signing = lambda _key, _data: (200, answer)
    with pytest.raises(TrustError):
        signer_of(service).sign_digest(EVENT)


@pytest.mark.parametrize("listing", [b"", b"{}", b'["0x00"]', b'[1]', b'["0x' + b"00" * 64 + b'"]', b"[" * 100_000])
def test_keys__listing_is_garbage__trust_error(listing: bytes, service: Service) -> None:
    service.listing = lambda: (200, listing)
    with pytest.raises(TrustError):
        signer_of(service).sign_digest(EVENT)


def test_key__not_at_the_service__says_which_are(service: Service) -> None:
    service.keys = {name: secret for name, secret in service.keys.items() if secret == OTHER}
    with pytest.raises(NotFoundError, match=LocalSigner(OTHER).address.hex()):
        signer_of(service).sign_digest(EVENT)
    service.keys = {}
    with pytest.raises(NotFoundError, match="nobody"):
        signer_of(service).sign_digest(EVENT)


@pytest.mark.parametrize(("status", "error"), [
    (404, NotFoundError), (401, InputError), (403, InputError), (400, InputError), (302, InputError), (429, UnavailableError),
    (500, UnavailableError), (503, UnavailableError),
])
def test_service__refuses__error_that_says_whether_to_try_again_and_asked_once(status: int, error: type[Exception], service: Service) -> None:
    service.signing = lambda _key, _data: (status, b"")
    with pytest.raises(error):
        signer_of(service).sign_digest(EVENT)
    assert [method for method, _, _ in service.asked] == ["GET", "POST"]  # no redirect followed, nothing repeated


def test_service__slow__given_up_after_the_time_of_the_whole_answer(service: Service) -> None:
    client = _client(split_uri(f"remote:{service.url}", None, ()))
    service.drip_s = 0.05  # each single byte comes in time
    with pytest.raises(UnavailableError):
        RemoteSigner(client, ADDRESS, timeout_s=0.2).sign_digest(EVENT)
    service.drip_s = 60
    with pytest.raises(UnavailableError, match="did not answer within"):
        RemoteSigner(client, ADDRESS, timeout_s=0.2).sign_digest(EVENT)


def test_service__gone__unavailable() -> None:
    with running(Service(MINE)) as service:
        signer = signer_of(service)
    with pytest.raises(UnavailableError, match="cannot be reached"):
        signer.sign_digest(EVENT)


def test_service__proxy_in_the_environment__not_used(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert signer_of(service).sign_digest(EVENT) == RIGHT


# where it may stand


@pytest.mark.parametrize("place", [
    "http://signer.example:9000", "http://10.0.0.5:9000", "https://signer.example:9000", "http://localhost.example", "http://0.0.0.0:1",
    "ftp://127.0.0.1", "127.0.0.1:9000", "https://", "http://127.0.0.1:9000?x=1", "http://me@127.0.0.1", "http://[::1", "http://127.0.0.1:x",
    "http://127.0.0.1:0",
])
def test_place__not_this_machine_and_no_client_certificate__refused_with_what_to_do(place: str) -> None:
    with pytest.raises(InputError) as fault:
        load_signer(f"remote:{place}#address=0x{ADDRESS.hex()}")
    assert fault.value.remedy


@pytest.mark.parametrize("place", ["http://127.0.0.1:9000", "http://[::1]:9000", "http://localhost:9000/signer/", "http://127.8.8.8"])
def test_place__this_machine__taken(place: str) -> None:
    assert load_signer(f"remote:{place}#address={ADDRESS.hex()}").address == ADDRESS


@pytest.mark.parametrize("options", [
    "", "#", "#address=", "#address=0x12", f"#address=0x{'zz' * 20}", f"#address=0x{ADDRESS.hex()}&user=me",
    f"#address=0x{ADDRESS.hex()}&address=0x{ADDRESS.hex()}",
])
def test_uri__without_one_address__refused(options: str) -> None:
    with pytest.raises(InputError) as fault:
        load_signer(f"remote:http://127.0.0.1:9000{options}")
    assert fault.value.remedy


# mutual TLS


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of a service and of clients, by a private authority and by a foreign one."""
    folder = tmp_path_factory.mktemp("tls")
    for name, authority in (("", trustme.CA()), ("foreign-", trustme.CA())):
        authority.cert_pem.write_to_path(folder / f"{name}ca.pem")
        for what in ("server", "client"):
            made = authority.issue_cert("127.0.0.1")
            made.cert_chain_pems[0].write_to_path(folder / f"{name}{what}.pem")
            made.private_key_pem.write_to_path(folder / f"{name}{what}.pkey")
            (folder / f"{name}{what}.pkey").chmod(0o600)
    return folder


@pytest.fixture
def tls_service(papers: Path) -> Iterator[Service]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(papers / "server.pem", papers / "server.pkey")
    context.load_verify_locations(papers / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with running(Service(MINE), context) as service:
        yield service


def certified(service: Service, papers: Path, **changes: str) -> Any:
    options = {"ca": "ca.pem", "cert": "client.pem", "key": "client.pkey", **changes}
    more = "".join(f"&{name}={value}" for name, value in options.items() if value)
    return load_signer(f"remote:{service.url}#address=0x{ADDRESS.hex()}{more}", base=papers)


def test_tls__with_the_clients_certificate__signs(tls_service: Service, papers: Path) -> None:
    assert certified(tls_service, papers).sign_digest(EVENT) == RIGHT


@pytest.mark.parametrize("changes", [
    pytest.param({"cert": "", "key": ""}, id="no-client-certificate"),
    pytest.param({"cert": "foreign-client.pem", "key": "foreign-client.pkey"}, id="certificate-of-a-foreign-authority"),
    pytest.param({"ca": "foreign-ca.pem"}, id="service-of-another-authority"),
    pytest.param({"ca": ""}, id="service-unknown-to-the-machine"),
])
def test_tls__one_side_unknown_to_the_other__nothing_signed(changes: dict[str, str], tls_service: Service, papers: Path) -> None:
    with pytest.raises(UnavailableError):
        certified(tls_service, papers, **changes).sign_digest(EVENT)
    assert tls_service.asked == []


@pytest.mark.parametrize(("changes", "error"), [
    ({"key": ""}, InputError), ({"cert": ""}, InputError), ({"key": "none.pkey"}, NotFoundError), ({"cert": "none.pem"}, NotFoundError),
    ({"ca": "none.pem"}, NotFoundError), ({"key": "server.pkey"}, InputError), ({"cert": "client.pkey"}, InputError),
])
def test_tls__certificate_or_key_unusable__refused(changes: dict[str, str], error: type[Exception], papers: Path) -> None:
    with pytest.raises(error):
        certified(type("At", (), {"url": "https://127.0.0.1:9"}), papers, **changes)  # type: ignore[arg-type]


def test_tls__clients_key_readable_by_others__refused(tls_service: Service, papers: Path, tmp_path: Path) -> None:
    copy = tmp_path / "client.pkey"
    copy.write_bytes((papers / "client.pkey").read_bytes())
    copy.chmod(0o640)
    with pytest.raises(InputError, match="chmod 600"):
        certified(tls_service, papers, key=str(copy))


def test_service__as_its_description_says__so_that_these_tests_mean_something(service: Service) -> None:
    status, body = service.listing()
    assert status == 200 and all(len(name) == 130 and name.startswith("0x") for name in json.loads(body))
    assert service.sign("0x" + "00" * 64, b"") == (404, b"")
