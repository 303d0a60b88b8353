"""Signers in a signing service (`remote:URL#address=0x...`): Web3Signer, or anything with its eth1 HTTP API.

Two questions are asked: `GET /api/v1/eth1/publicKeys`, once, and `POST /api/v1/eth1/sign/KEY` with
`{"data": "0x..."}`. The service hashes the data with keccak-256 and signs that, so it is sent the message
itself (for an event the 66 bytes of EIP-712) and its own policy can look at it. `eth_signTypedData` is not
used: some versions of Web3Signer prefix it wrongly.

The service is not trusted. Which key it must use is pinned by address in the URI, and a signature counts
only if it recovers to that address here. Web3Signer knows no users: it is asked over the machine's own
loopback, or over TLS with a client certificate, and otherwise not at all. A question is never repeated by
itself; asking again is safe, since a signature acts only when it is sent to the ledger.

Source: Web3Signer 23 to 25, eth1 API description and Eth1SignForIdentifierHandler; docs/adr/0020.
"""

from __future__ import annotations

import ipaddress
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpx
import rlp
from coincurve import PublicKey
from coincurve.utils import GROUP_ORDER_INT
from eth_hash.auto import keccak

from ledger.digest import Digest
from ledger.errors import CargoLedgerError, InputError, NotFoundError, TrustError, UnavailableError
from ledger.events.strict_json import parse_json
from ledger.keys.secret_files import read_file
from ledger.keys.signers.uri import SignerUri, split_uri
from ledger.proofs.signature import SIGNATURE_BYTES, recover_signer

OPTIONS = ("address", "ca", "cert", "key")
TIMEOUT_S = 10.0           # of one question, the whole answer included
KEYS_BYTES_MAX = 1 << 20   # list of public keys: about 7,000
ANSWER_BYTES_MAX = 1 << 12  # a signature has 132 characters
TYPED_FIELDS = ("chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas", "gas", "to", "value", "data")
"""Fields of an EIP-1559 transaction in the order in which they are encoded, without the access list."""


def load_remote_signer(uri: str, _ask: object = None, base: Path | None = None) -> RemoteSigner:
    """The signer behind a URI. Nothing is asked of the service before the first signature.

    Args:
        uri: `remote:URL#address=0x...`, with `&cert=PATH&key=PATH` and, for a private authority, `&ca=PATH`.
        base: folder where relative paths start.

    Raises:
        InputError: no address, or a place that may not be asked.
        NotFoundError: no such certificate or key file.
    """
    named = split_uri(uri, base, OPTIONS)
    address = _address(named)
    return RemoteSigner(_client(named), address)


def offered_addresses(uri: str, base: Path | None = None) -> list[bytes]:
    """Addresses of the keys that a service has, to choose one from; the URI may leave out `address`.

    Raises:
        InputError: a place that may not be asked. UnavailableError: no answer. TrustError: no list of keys.
    """
    signer = RemoteSigner(_client(split_uri(uri, base, OPTIONS)), bytes(20))
    return sorted(signer.offered())


def _client(named: SignerUri) -> httpx.Client:
    url = _checked_url(named)
    return httpx.Client(
        base_url=url, verify=_tls(named) if url.startswith("https:") else False, timeout=TIMEOUT_S,
        headers={"Accept-Encoding": "identity"}, trust_env=False,  # no proxy from the environment
        follow_redirects=False)


class RemoteSigner:
    """Has a service sign with the key of one address; checks what comes back."""

    def __init__(
        self, client: httpx.Client, address: bytes, *, timeout_s: float = TIMEOUT_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._address = address
        self._timeout_s = timeout_s
        self._monotonic = monotonic
        self._identifier: str | None = None
        self._finding = threading.Lock()

    @property
    def address(self) -> bytes:
        """20 bytes, as the URI pins them."""
        return self._address

    def sign_digest(self, digest: bytes) -> bytes:
        """Have the message behind a digest signed; returns 65 bytes: r, s (low), v (27 or 28).

        Raises:
            InputError: a digest that does not know its message, which no service can sign.
            NotFoundError: the service has no key of this address.
            UnavailableError: it does not answer, in time or at all.
            TrustError: it answers with something else than this key's signature.
        """
        if not isinstance(digest, Digest) or keccak(digest.message) != digest:
            raise InputError("a signing service hashes for itself and needs the message, not its hash alone.")
        return self._sign(digest.message)

    def sign_transaction(self, transaction: dict[str, Any]) -> bytes:
        """Have an EIP-1559 transaction signed; returns its raw bytes. Errors as `sign_digest`."""
        try:
            if transaction["type"] != 2 or transaction.get("accessList"):
                raise InputError("a signing service is given EIP-1559 transactions without access list only.")
            fields = [transaction.get("to", b"") if name == "to" else transaction[name]
                      for name in TYPED_FIELDS] + [[]]
            message = b"\x02" + rlp.encode(fields)
        except (KeyError, TypeError, rlp.exceptions.EncodingError) as fault:
            raise InputError(f"the transaction cannot be signed: {fault!r}.") from fault
        signature = self._sign(message)
        parts = [signature[64] - 27, int.from_bytes(signature[:32], "big"),
                 int.from_bytes(signature[32:64], "big")]
        return b"\x02" + bytes(rlp.encode([*fields, *parts]))

    def offered(self) -> dict[bytes, str]:
        """Address, and name at the service, of every key it has. Errors as `sign_digest`."""
        return _read_keys(self._ask("GET", "/api/v1/eth1/publicKeys", None, KEYS_BYTES_MAX))

    def _sign(self, message: bytes) -> bytes:
        body = self._ask("POST", f"/api/v1/eth1/sign/{self._key()}", {"data": "0x" + message.hex()},
                         ANSWER_BYTES_MAX)
        signature = _read_signature(body)
        try:
            signer = recover_signer(keccak(message), signature)
        except TrustError as fault:
            self._lies(f"is no signature: {fault.message}")
        if signer != self._address:
            self._lies(f"was made by the key of 0x{signer.hex()}")
        return signature

    def _key(self) -> str:
        """How the service calls the key of our address: the public key, found in its list."""
        with self._finding:
            if self._identifier is None:
                keys = self.offered()
                if self._address not in keys:
                    raise NotFoundError(
                        f"the signing service at {self._client.base_url} has no key of "
                        f"0x{self._address.hex()}.",
                        remedy="It has keys of " + (", ".join("0x" + a.hex() for a in list(keys)[:20]) or
                                                    "nobody") + ".")
                self._identifier = keys[self._address]
            return self._identifier

    def _ask(self, method: str, path: str, body: dict[str, str] | None, size_max: int) -> bytes:
        """One question, once."""
        ends = self._monotonic() + self._timeout_s
        try:
            with self._client.stream(method, path, json=body, timeout=self._timeout_s) as answer:
                found = bytearray()
                for piece in answer.iter_raw():
                    found += piece
                    if len(found) > size_max:
                        self._lies(f"has more than {size_max} bytes")
                    if self._monotonic() > ends:  # one that sends a byte now and then meets every other limit
                        raise UnavailableError(self._says("did not finish its answer in time"))
        except httpx.TimeoutException as fault:
            raise UnavailableError(self._says(f"did not answer within {self._timeout_s:g} s"),
                                   remedy="Nothing was signed here; ask again when it runs.") from fault
        except httpx.HTTPError as fault:
            raise UnavailableError(self._says(f"cannot be reached: {fault}"),
                                   remedy="See that it runs, and that it takes the client certificate.",
                                   ) from fault
        if answer.status_code == 200:
            return bytes(found)
        raise self._refused(answer.status_code)

    def _refused(self, status: int) -> CargoLedgerError:
        if status == 404:
            return NotFoundError(self._says(f"has no key of 0x{self._address.hex()} any more"))
        if status in (401, 403):
            return InputError(self._says(f"refuses us ({status})"),
                              remedy="See that it knows this client certificate.")
        if 300 <= status < 500 and status != 429:
            return InputError(self._says(f"does not take the question ({status})"),
                              remedy="See that the URL is that of Web3Signer in its eth1 mode.")
        return UnavailableError(self._says(f"is not able to sign now ({status})"))

    def _says(self, what: str) -> str:
        return f"the signing service at {self._client.base_url} {what}."

    def _lies(self, how: str) -> NoReturn:
        raise TrustError(
            f"what {self._client.base_url} answered for the key of 0x{self._address.hex()} {how}.",
            remedy="Do not use it until it is known why.")

    def __repr__(self) -> str:
        return f"RemoteSigner(0x{self._address.hex()})"


def _read_keys(body: bytes) -> dict[bytes, str]:
    try:
        names = parse_json(body)
        if not isinstance(names, list):
            raise TypeError("no list")
        found = {}
        for name in names:
            point = bytes.fromhex(str(name).removeprefix("0x"))
            if len(point) not in (33, 64, 65):  # libsecp256k1 ends the process over other lengths
                raise ValueError("no public key")
            key = PublicKey(b"\x04" + point if len(point) == 64 else point)
            found[bytes(keccak(key.format(compressed=False)[1:]))[12:]] = "0x" + point.hex()
    except (InputError, TypeError, ValueError) as fault:
        raise TrustError("the signing service's list of public keys is malformed.") from fault
    return found


def _read_signature(body: bytes) -> bytes:
    """65 bytes with low s and v 27 or 28, of what a service spells 0x and hex, v from 0 or from 27."""
    try:
        text = body.decode("ascii").strip()
        data = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        data = b""
    if len(data) != SIGNATURE_BYTES:
        raise TrustError("what the signing service answered is no signature of 65 bytes.",
                         remedy="Do not use it until it is known why.")
    s, v = int.from_bytes(data[32:64], "big"), data[64] % 27
    if s > GROUP_ORDER_INT // 2:  # both spellings are the same signature; the ledger takes one
        s, v = GROUP_ORDER_INT - s, v ^ 1
    return data[:32] + s.to_bytes(32, "big") + bytes([27 + v])


def _checked_url(named: SignerUri) -> str:
    try:
        url = urlsplit(named.place)
        host, port = url.hostname, url.port
    except ValueError:
        host = None
    if host is None or url.scheme not in ("http", "https") or url.query or url.username or port == 0:
        raise InputError(f"{named.place!r} is not the URL of a signing service.",
                         remedy="Write remote:https://HOST:PORT#address=0x...&cert=PATH&key=PATH")
    if url.scheme == "http" and not _is_loopback(host):
        raise InputError(
            f"the signing service at {host} would be asked over plain http: whoever is on the way could have "
            "anything signed.",
            remedy="Use https with a client certificate, or a service on this machine (127.0.0.1).")
    certified = "cert" in named.options and "key" in named.options
    if url.scheme == "https" and not certified and not _is_loopback(host):
        raise InputError(
            f"the signing service at {host} knows no users: without a client certificate it would sign for "
            "anybody.",
            remedy="Set it up to ask for client certificates, and add #...&cert=PATH&key=PATH.")
    return named.place.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _tls(named: SignerUri) -> ssl.SSLContext:
    ca, certificate, key = (named.file(option) for option in ("ca", "cert", "key"))
    if (certificate is None) != (key is None):
        raise InputError("a client certificate needs both cert=PATH and key=PATH.")
    if key is not None:
        read_file(key)  # whoever may read it could sign as well
    try:
        context = ssl.create_default_context(cafile=ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if certificate is not None:
            context.load_cert_chain(certificate, key, password=_no_password)
    except FileNotFoundError as fault:
        missing = next(str(p) for p in (ca, certificate, key) if p is not None and not p.is_file())
        raise NotFoundError(f"there is no file {missing}.") from fault
    except (ssl.SSLError, OSError) as fault:
        raise InputError(f"certificate or key of the signing service cannot be used: {fault}.") from fault
    return context


def _no_password() -> str:
    raise InputError("the key of the client certificate is encrypted, and nobody is there to ask.",
                     remedy="Keep it as a 0600 file without a password.")


def _address(named: SignerUri) -> bytes:
    text = named.options.get("address", "")
    try:
        address = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        address = b""
    if len(address) != 20:
        raise InputError(
            f"a remote: signer names its key by address, not {text!r}.",
            remedy=f"Write {named.scheme}:{named.place}#address=0x and 40 hex digits; which keys it has says "
                   f"cargoledger key offered {named.scheme}:{named.place}")
    return address
