"""The parts of a home, opened when first used and closed together.

Reading the index needs no ledger, so questions can be asked while a server has the ledger open.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from sqlmodel import Session

from api.keyring import Keyring
from ledger.directory import Directory
from ledger.errors import CargoLedgerError, InputError, NotFoundError, UnavailableError
from ledger.events.model import unhex32
from ledger.events.strict_json import parse_json
from ledger.limits import DEFAULT_LIMITS
from ledger.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine

    from api.http.jobs import Jobs
    from api.metrics import Metrics
    from api.posting import Posting
    from indexer.indexer import Indexer
    from ledger.chain.authority import Authority
    from ledger.chain.checkpoints import CheckpointLog
    from ledger.chain.client import ChainClient
    from ledger.chain.deploy import Deployment
    from ledger.gateway.access_log import AccessLog
    from ledger.gateway.gateway import Gateway
    from ledger.gateway.handover_grants import Holder
    from ledger.gateway.outbox import Outbox
    from ledger.gateway.payloads import PayloadStore
    from ledger.gateway.poster import Poster
    from ledger.gateway.store import Store
    from ledger.gateway.submission import EventStatus
    from ledger.gateway.tokens import TokenRegistry
    from ledger.keys.signers import AskSecret, Signer
    from ledger.proofs.verify import TrustRoot
    from tracer.runs.making import Keeper
    from tracer.runs.store import RunStore

SERVER_FILE = "server.json"
TRUST_FILE = "trust.json"
_ID_LENGTH = 66  # 0x and 64 hex digits

Clock = Callable[[], int]
"""Seconds since 1970 UTC."""


class Parts:
    """What `Home` is made of. Use `Home`."""

    def __init__(
        self,
        settings: Settings,
        *,
        seed: bytes | None = None,
        clock: Clock | None = None,
        ask_secret: AskSecret | None = None,
    ) -> None:
        """Use `Home.create` or `Home.open`."""
        self.path = settings.home
        self.settings = settings
        self.clock: Clock = clock or wall_clock
        self.directory = Directory.load(settings.path(settings.directory))
        self.keyring = Keyring(settings, seed, ask_secret)
        self.fault: CargoLedgerError | None = None
        """What keeps a running server from working, if anything does."""
        self._lock = threading.RLock()
        self._wakers: list[Callable[[], None]] = []

    def close(self) -> None:
        """Let go of every file and lock."""
        with self._lock:
            for name in ("posting", "jobs", "checkpoints", "runs", "_store", "chain", "engine"):
                part = self.__dict__.pop(name, None)
                if part is None:
                    continue
                (part.dispose if name == "engine" else part.close)()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # parts, opened when first used

    @cached_property
    def deployment(self) -> Deployment:
        """Where the contracts are and what code stands there."""
        from ledger.chain.deploy import Deployment

        return Deployment.from_json(parse_json(self._deployment_file.read_bytes()))

    def followed(self) -> Deployment:
        """The deployment, followed to the ledger that takes events now; written down where it moved.

        Raises:
            TrustError: the ledger ended, and its successor is none that this version knows.
        """
        from ledger.chain.succession import followed

        found = followed(self.chain, self.deployment)
        if found != self.deployment:
            self.__dict__["deployment"] = found
            self.write_deployment(found)
        return found

    def follow(self) -> None:
        """Go on with the ledger's successor: what is of one ledger is made anew when next used.

        Nobody may be using this home meanwhile.

        Raises:
            TrustError: see `followed`; nothing was changed.
        """
        with self._lock:
            self.followed()
            posting = self.__dict__.get("posting")
            if posting is not None:
                posting.close()
            for name in ("posting", "gateway", "outbox", "authority", "indexer"):
                self.__dict__.pop(name, None)
            self._wakers.clear()

    def write_deployment(self, deployment: Deployment) -> None:
        """Keep where the contracts are, and what checkers of proofs must know (trust.json).

        The trust root of a ledger that ended stays beside it, since proofs from it stay good.
        """
        trust = self.path / TRUST_FILE
        if deployment.earlier and trust.exists():
            trust.rename(self.path / f"trust-{len(deployment.earlier)}.json")
        write_text(trust, json.dumps(self._trust_of(deployment).to_json(), indent=2) + "\n")
        write_text(self._deployment_file, json.dumps(deployment.to_json(), indent=2) + "\n")

    @cached_property
    def chain(self) -> ChainClient:
        """The ledger engine, for writing.

        Raises:
            UnavailableError: another process (a running server) has it; the message says which.
        """
        return self._open_chain(read_only=False)

    def reading_chain(self) -> ChainClient:
        """The ledger engine for reading only, beside a process that writes; the caller closes it."""
        return self._open_chain(read_only=True)

    @cached_property
    def authority(self) -> Authority:
        """Admits participants, registers facilities and books."""
        from ledger.chain.authority import Authority

        return Authority(self.chain, self.deployment, self.keyring.authority())

    @cached_property
    def _store(self) -> Store:
        from ledger.gateway.gateway import open_gateway_store

        return open_gateway_store(self.settings.path(self.settings.gateway_store))

    @cached_property
    def payloads(self) -> PayloadStore:
        """Sealed payloads and grants."""
        from ledger.gateway.payloads import PayloadStore

        return PayloadStore(self._store)

    @cached_property
    def gateway(self) -> Gateway:
        """Takes signed events and carries them to the ledger."""
        from ledger.gateway.gateway import Gateway
        from ledger.gateway.handover_grants import HandoverGrants

        gateway = Gateway(
            self.chain,
            self.followed(),
            self._store,
            self.payloads,
            sender=self.keyring.gateway(),
            clock=self.clock,
            tx_gas_max=self.settings.tx_gas_max,
            receipt_wait_s=self.settings.receipt_wait_s,
            reference_wait_s=self.settings.reference_wait_s,
            confirmations=self.settings.confirmations,
            batch_wait_s=self.settings.batch_wait_ms / 1000,
            limits=replace(
                DEFAULT_LIMITS,
                outbox_events_max=self.settings.outbox_events_max,
                late_after_s=self.settings.late_after_s,
            ),
        )
        gateway.on_settled(
            HandoverGrants(
                self._store,
                self.payloads,
                deployment=self.deployment,
                chain_id=self.deployment.chain_id,
                holders=self.holder,
                customs=self.posting.customs,
                reading_key=self.posting.readers.reading_key,
                clock=self.clock,
                submitters=lambda number: self.directory.participant(number).id,
            )
        )
        return gateway

    @cached_property
    def outbox(self) -> Outbox:
        """What became of submitted events; can be asked while another process carries them."""
        from ledger.gateway.outbox import Outbox

        return Outbox(self._store, late_after_s=self.settings.late_after_s)

    def way_of(self, key: str) -> EventStatus | None:
        """Where an event is that was submitted here, by the ledger's id or its eventID; None if none was."""
        if not self.settings.path(self.settings.gateway_store).exists():
            return None
        found = None
        if key.startswith("0x") and len(key) == _ID_LENGTH:
            with suppress(InputError):
                found = self.outbox.status(unhex32(key))
        return found or self.outbox.status_by_label(key, False) or self.outbox.status_by_label(key, True)

    @cached_property
    def looks(self) -> AccessLog:
        """Who looked at whose content."""
        from ledger.gateway.access_log import AccessLog

        return AccessLog(self._store, self.clock)

    @cached_property
    def tokens(self) -> TokenRegistry:
        """Tokens of the HTTP server, stored hashed."""
        from ledger.gateway.tokens import TokenRegistry

        return TokenRegistry(self._store, self.clock)

    @cached_property
    def posting(self) -> Posting:
        """From an EPCIS document to signed submissions."""
        from api.posting import Posting

        self.followed()
        return Posting(self)

    @cached_property
    def checkpoints(self) -> CheckpointLog:
        """The operator's signed statements of how far the ledger is."""
        from ledger.chain.checkpoints import CheckpointLog

        return CheckpointLog(
            self.path / "checkpoints.sqlite", self.settings.name, self.keyring.checkpoint_signing_key()
        )

    def trust_root(self) -> TrustRoot:
        """What somebody who checks proofs of this ledger must know; published as trust.json."""
        return self._trust_of(self.deployment)

    @cached_property
    def jobs(self) -> Jobs:
        """Capture jobs of the HTTP server."""
        from api.http.jobs import Jobs

        return Jobs(self.path / "captures.sqlite")

    @cached_property
    def runs(self) -> RunStore:
        """Settlements that are kept, and their questions."""
        from tracer.runs.store import RunStore

        return RunStore(self.path / "runs.sqlite")

    @property
    def keeper(self) -> Keeper:
        """Who brings kept settlements up to date."""
        from api import __version__
        from api.views.tables import HomeTables
        from tracer.runs.making import Keeper

        return Keeper(self.engine, self.directory, self.runs, __version__, tables=HomeTables(self.path))

    @cached_property
    def metrics(self) -> Metrics:
        """What this process counts."""
        from api.metrics import Metrics

        return Metrics()

    @cached_property
    def engine(self) -> Engine:
        """The index's database."""
        from indexer.database import open_engine

        return open_engine(_index_url(self.settings))

    @cached_property
    def indexer(self) -> Indexer:
        """Loads the ledger into the index."""
        return self.indexer_over(self.chain, self.followed())

    @contextmanager
    def reading_indexer(self) -> Iterator[Indexer]:
        """An indexer that only reads the ledger, also beside a running server: for audits and rebuilds."""
        from ledger.chain.succession import followed

        chain = self.reading_chain()
        try:
            yield self.indexer_over(chain, followed(chain, self.deployment))
        finally:
            chain.close()

    def indexer_over(self, chain: ChainClient, deployment: Deployment) -> Indexer:
        """An indexer of this home's index, stores and keys over a chain."""
        from indexer.indexer import Indexer

        return Indexer(
            chain,
            deployment,
            self.engine,
            payloads=self.payloads,
            reading_keys=list(self.keyring.reading_keys().values()),
            directory=self.directory,
            network_secret=self.keyring.network_secret(),
            enterprise_keys=self.keyring.enterprise_keys(),
            confirmations=self.settings.confirmations,
            instant=self.settings.instant,
            feed_changes_max=self.settings.feed_changes_max, history_days=self.settings.history_days,
        )

    def session(self) -> Session:
        """A session of the index; a context manager."""
        return Session(self.engine)

    def signer(self, participant_id: str) -> Signer:
        """The key with which this home signs for a participant."""
        return self.keyring.signer(self.directory.participant(participant_id).id)

    def holder(self, participant: int) -> Holder | None:
        """The keys of a participant, by its number, where they are here."""
        from ledger.gateway.handover_grants import Holder

        with suppress(NotFoundError):
            entry = self.directory.participant(participant)
            return Holder(participant, self.keyring.signer(entry.id), self.keyring.reading_key(entry.id))
        return None

    def poster(self, participant_id: str) -> Poster:
        """Signs a participant's events, with a nonce that is on disk first."""
        return self.posting.poster(participant_id)

    def server(self) -> dict[str, Any] | None:
        """Address and process id of the server running on this home, if one said so and lives."""
        try:
            found = parse_json((self.path / SERVER_FILE).read_bytes())
            os.kill(int(found["pid"]), 0)
        except (InputError, OSError, ValueError, KeyError, TypeError):
            return None
        return {"url": str(found["url"]), "pid": int(found["pid"])}

    @property
    def _deployment_file(self) -> Path:
        return self.settings.path(self.settings.deployment)

    def _trust_of(self, deployment: Deployment) -> TrustRoot:
        from ledger.proofs.checkpoint import CheckpointKey
        from ledger.proofs.verify import TrustRoot

        key = CheckpointKey(self.settings.name, self.keyring.checkpoint().public)
        return TrustRoot(deployment.chain_id, deployment.ledger, key)

    def _open_chain(self, *, read_only: bool) -> ChainClient:
        try:
            return open_chain(self.settings, self.clock, read_only=read_only)
        except UnavailableError as fault:
            server = self.server()
            if server is None:
                raise
            raise UnavailableError(
                f"this home is in use by the server at {server['url']} (process {server['pid']}).",
                remedy=f"Post through it with --url {server['url']} and --token (see cargoledger token new), "
                "or stop it first.",
            ) from fault


def write_text(path: Path, text: str) -> None:
    """Write a file so that a crash leaves either the old or the new one."""
    temporary = path.with_suffix(".new")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def wall_clock() -> int:
    """The machine's clock, whole seconds."""
    return int(time.time())


def open_chain(
    settings: Settings, clock: Clock, *, read_only: bool, any_chain: bool = False,
) -> ChainClient:
    """The engine that the settings name; for writing, or beside a process that writes.

    With `any_chain` a network's id may be another than the settings say.
    """
    kind, _, place = settings.chain.partition(":")
    if kind == "embedded":
        from ledger.chain.embedded import EmbeddedChain

        return EmbeddedChain(
            settings.path(place), clock, settings.chain_id, read_only=read_only, loop=settings.evm_loop)
    from ledger.chain.endpoints import Endpoints

    return Endpoints((settings.chain, *settings.chain_endpoints),
                     chain_id=None if any_chain else settings.chain_id,
                     evidence=settings.path("endpoints.evidence.jsonl"))


def _index_url(settings: Settings) -> str:
    """The index's URL with a relative SQLite path taken from the home."""
    prefix = "sqlite:///"
    if settings.index_url.startswith(prefix) and not settings.index_url.startswith(prefix + "/"):
        return prefix + str((settings.home / settings.index_url[len(prefix) :]).absolute())
    return settings.index_url
