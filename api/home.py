"""The composition root: one folder with keys, ledger, gateway and index, put together for the ways in.

    cargoledger.toml    settings (docs/settings.md)
    deployment.json     where the contracts are
    directory.json      names for numbers
    keys/               see `keyring`
    chain.sqlite        the embedded ledger
    gateway.sqlite      outbox, payloads, grants, tokens
    posters/            nonces and secrets, one file a participant
    index.sqlite        the index
    runs.sqlite         settlements that are kept

Parts are opened when first used: reading the index needs no ledger, so questions can be asked while a server
has the ledger open. `create` may be killed at any moment and run again; so may all that sets something up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.keyring import check_id
from api.parts import SERVER_FILE, Clock, Parts, open_chain, wall_clock
from ledger.directory import BookEntry, FacilityEntry, ParticipantEntry
from ledger.errors import AuthenticationError, ConflictError, InputError, NotFoundError
from ledger.settings import SETTINGS_FILE, Settings, write_settings
from ledger.vocabulary import BookOption, Regime, Role

if TYPE_CHECKING:
    from api.posting import PostResult, Settling
    from ledger.chain.deploy import Terms
    from ledger.keys.signers import AskSecret, Signer

__all__ = ["SERVER_FILE", "Clock", "Home"]

URI_PREFIX = "urn:cargoledger:participant:"
NO_OPTIONS = BookOption(0)
ADDRESS_BYTES = 20
NO_HOLD = 255
"""Hold bit of a participant that may set no hold."""
FOREVER_S = 2**64 - 1
"""End of a signer's window that has none."""


class Home(Parts):
    """A home, opened. Use it as a context manager, or call `close`."""

    # making and opening

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        name: str = "cargoledger",
        engine: str = "embedded",
        rpc_url: str = "",
        seed: bytes | None = None,
        clock: Clock | None = None,
        environment: Mapping[str, str] | None = None,
        ask_secret: AskSecret | None = None,
    ) -> Home:
        """Make a home and its ledger, or go on with one that was begun.

        Args:
            path: the folder.
            name: of the ledger; signed into its checkpoints.
            engine: `embedded`, or `rpc` for an EVM network.
            rpc_url: JSON-RPC address of that network.
            seed: every key follows from it. For demonstrations only: whoever knows it knows all keys.
            clock: seconds since 1970 UTC; the machine's if None.
            environment: variables that overrule the settings file; None for none.
            ask_secret: asks a person for the password of a keystore; None where nobody is there.

        Raises:
            ConflictError: the home exists with another name or engine.
            UnavailableError: another process uses it, or the network does not answer.
        """
        if engine not in ("embedded", "rpc") or (engine == "rpc") != bool(rpc_url):
            raise InputError("an engine is embedded, or rpc with its address.")
        chain = rpc_url or "embedded:chain.sqlite"
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (path / SETTINGS_FILE).exists():
            known = Settings.load(path)
            if (known.name, known.chain) != (name, chain):
                raise ConflictError(
                    f"{path} is the home of {known.name!r} on {known.chain}.",
                    remedy="Give another folder, or the same name and engine.",
                )
        else:
            write_settings(_with_chain_id(Settings(home=path, name=name, chain=chain), clock))
        home = cls(Settings.load(path, environment), seed=seed, clock=clock, ask_secret=ask_secret)
        try:
            home.keyring.make_network()
            home._deploy()
            home._migrate()
            if not (file := home.settings.path(home.settings.directory)).exists():
                home.directory.save(file)
        except BaseException:
            home.close()
            raise
        return home

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        seed: bytes | None = None,
        clock: Clock | None = None,
        environment: Mapping[str, str] | None = None,
        ask_secret: AskSecret | None = None,
    ) -> Home:
        """Open a home that `create` made; arguments as there.

        Raises:
            NotFoundError: there is no home in that folder.
            InputError: its making was interrupted, or its settings are wrong.
        """
        if not (path / SETTINGS_FILE).is_file():
            raise NotFoundError(
                f"there is no ledger home in {path}.", remedy=f"Make one: cargoledger init --home {path}"
            )
        settings = Settings.load(path, environment)
        if not settings.path(settings.deployment).is_file():
            raise InputError(
                f"the making of {path} was interrupted.",
                remedy=f"Go on with it: cargoledger init --home {path}",
            )
        return cls(settings, seed=seed, clock=clock, ask_secret=ask_secret)

    # the network

    def admit(
        self,
        participant_id: str,
        *,
        name: str,
        roles: Role,
        uri: str = "",
        hold_bit: int = NO_HOLD,
        reading_key: bytes | None = None,
        signer: bytes | None = None,
    ) -> ParticipantEntry:
        """Admit a participant; again with the same details is no error and completes what was interrupted.

        Args:
            participant_id: short id; also the folder of its keys.
            name, roles, hold_bit: see Directory.
            uri: by which EPCIS events name it; made from the id if empty.
            reading_key, signer: public key (32 bytes) and signer's address (20 bytes) of a participant that
                keeps its own keys; None makes keys here.

        Raises:
            ConflictError: the id, or the number on the ledger, is taken by another.
            InputError: the id cannot be one, or only one of reading_key and signer is given.
        """
        check_id(participant_id)
        if (reading_key is None) != (signer is None):
            raise InputError("a participant with keys of its own gives both a reading key and a signer.")
        if not roles:
            raise InputError("a participant needs at least one role.")
        with self._lock:
            if reading_key is None or signer is None:
                self.keyring.make_participant(participant_id, keeps_books=Role.PROCESSOR in roles)
                reading_key = self.keyring.reading_key(participant_id).public
                signer = self.keyring.signer(participant_id).address
            entry = ParticipantEntry(
                number=self._number("participants", participant_id),
                id=participant_id,
                uri=uri or URI_PREFIX + participant_id,
                name=name,
                roles=roles,
                hold_bit=hold_bit,
            )
            self._remember(entry)
            self.authority.admit(entry.number, roles, reading_key=reading_key, hold_bit=hold_bit)
            self.authority.add_signer(signer, entry.number, valid_from_s=0, valid_until_s=FOREVER_S)
            self.keys_changed()
        return entry

    def add_signer(
        self,
        participant_id: str,
        *,
        valid_from_s: int = 0,
        valid_until_s: int = FOREVER_S,
        password: str | None = None,
        facility: str = "",
    ) -> tuple[str, Path]:
        """Make one more signing key for a participant and register it; with a password it is a keystore.

        Args:
            facility: the one place at which it may act; empty for anywhere.

        Returns:
            Its address (0x) and its key file.
        """
        entry = self.directory.participant(participant_id)
        place = self._facility_number(facility)
        with self._lock:
            signer, path = self.keyring.add_signer(entry.id, password=password)
            self.authority.add_signer(
                signer.address, entry.number, valid_from_s=valid_from_s, valid_until_s=valid_until_s,
                facility=place,
            )
        return "0x" + signer.address.hex(), path

    def import_signer(
        self, participant_id: str, source: Path, password: str, *, valid_from_s: int, valid_until_s: int,
        facility: str = "",
    ) -> tuple[str, Path]:
        """Take over a key from another tool's keystore and register it; answers as `add_signer`."""
        from ledger.keys.signers.keystore import import_keystore

        entry = self.directory.participant(participant_id)
        place = self._facility_number(facility)
        with self._lock:
            path = self.keyring.free_path(entry.id, "json")
            signer = import_keystore(source, password, path)
            self.authority.add_signer(
                signer.address, entry.number, valid_from_s=valid_from_s, valid_until_s=valid_until_s,
                facility=place,
            )
        return "0x" + signer.address.hex(), path

    def _facility_number(self, facility_id: str) -> int:
        return self.directory.facility(facility_id).number if facility_id else 0

    def use_signer(self, participant_id: str, uri: str) -> Signer:
        """Sign a participant's events with another signer from now on.

        Raises:
            InputError: the ledger does not know its address as a signer of this participant, or revoked it.
        """
        entry = self.directory.participant(participant_id)
        signer = self.keyring.open(uri)
        known = self.registered(signer.address)
        if known["participant"] != entry.number or known["revoked"]:
            raise InputError(
                f"the ledger does not take 0x{signer.address.hex()} for a signer of {entry.id}.",
                remedy="Have the authority register it first.",
            )
        self.keyring.use(entry.id, uri)
        self.keys_changed()
        return signer

    def registered(self, address: bytes) -> dict[str, Any]:
        """What the ledger knows of a signer's address; participant None where it knows none."""
        from ledger.chain.views import View

        known = View(self.chain, self.deployment).signer(address)
        if known is None:
            return {"participant": None, "validFrom": None, "validUntil": None, "facility": None,
                    "revoked": False}
        return {
            "participant": known.participant,
            "validFrom": known.valid_from_s,
            "validUntil": known.valid_until_s,
            "facility": self.directory.facility(known.facility).id if known.facility else None,
            "revoked": known.revoked,
        }

    def add_facility(
        self, facility_id: str, *, name: str, uri: str, operator: str, supervised: bool
    ) -> FacilityEntry:
        """Register a place; again with the same details is no error."""
        check_id(facility_id)
        owner = self.directory.participant(operator)
        with self._lock:
            entry = FacilityEntry(
                self._number("facilities", facility_id), facility_id, uri, name, owner.id, supervised
            )
            self._remember(entry)
            self.authority.set_facility(entry.number, owner.number, supervised=supervised)
        return entry

    def add_book(
        self, book_id: str, *, name: str, owner: str, regime: str, options: BookOption = NO_OPTIONS
    ) -> BookEntry:
        """Open a book; again with the same details is no error.

        Raises:
            InputError: an unknown regime.
        """
        check_id(book_id)
        if regime not in Regime.__members__ or regime == Regime.NONE.name:
            known = ", ".join(r.name for r in Regime if r)
            raise InputError(f"there is no regime {regime!r}.", remedy=f"Known: {known}.")
        processor = self.directory.participant(owner)
        with self._lock:
            entry = BookEntry(self._number("books", book_id), book_id, name, processor.id, regime, options)
            self._remember(entry)
            self.authority.set_book(
                entry.number, processor.number, regime=int(Regime[regime]), options=options
            )
        return entry

    # events

    def post_document(self, document: bytes, as_participant: str) -> list[PostResult]:
        """Check, sign, seal and queue every event of an EPCIS document; all of them, or none.

        They are on disk when this returns; `settle_outbox` (or the server) carries them to the ledger.

        Raises:
            InvalidEventError: faults of the document, all of them.
            ConflictError: an eventID that is known with other content.
            NotFoundError: this home holds no key of the participant.
        """
        return self.posting.post_document(document, as_participant)

    def post_events(self, events: Sequence[Mapping[str, Any]], as_participant: str) -> list[PostResult]:
        """`post_document` for events that are parsed already, each with its own `@context`."""
        return self.posting.post_events([dict(event) for event in events], as_participant)

    def submit(self, submissions: Iterable[Any]) -> list[PostResult]:
        """Queue events that their poster signed and sealed; all of them, or none."""
        return self.posting.submit(list(submissions))

    def settle_outbox(self) -> Settling:
        """Carry queued events to the ledger, give the grants that follow from handovers, index."""
        return self.posting.settle()

    # who asks

    def issue_token(
        self, participant_id: str, *, label: str, valid_s: int, scopes: frozenset[str]
    ) -> tuple[str, int]:
        """A new token for a participant: its text, kept nowhere, and the second in which it ends."""
        entry = self.directory.participant(participant_id)
        text, token = self.tokens.issue(entry.number, scopes, life_s=valid_s, label=label)
        return text, token.expires_at_s

    def caller_of_token(self, text: str) -> tuple[ParticipantEntry, frozenset[str]]:
        """Whom a token stands for and what it may do.

        Raises:
            AuthenticationError: not a good token, or one of nobody in the directory.
        """
        token = self.tokens.verify(text)
        with suppress(NotFoundError):
            return self.directory.participant(token.participant), token.scopes
        raise AuthenticationError("this token is not valid.")

    # a running server

    def on_wake(self, waker: Callable[[], None]) -> None:
        """Have a function called when events were queued."""
        self._wakers.append(waker)

    def wake(self) -> None:
        """Tell whoever carries events that there are some."""
        for waker in self._wakers:
            waker()

    # inside

    def _deploy(self) -> None:
        if self._deployment_file.is_file():
            return
        from ledger.chain.deploy import deploy

        deployment = deploy(
            self.chain, self.keyring.authority(), self.keyring.gateway().address, terms=_terms(self.settings))
        self.write_deployment(deployment)

    def _migrate(self) -> None:
        from indexer.database import migrate

        migrate(self.engine)

    def _number(self, kind: str, identifier: str) -> int:
        entries: list[Any] = getattr(self.directory, kind)
        known = next((e.number for e in entries if e.id == identifier), None)
        return known if known is not None else self.directory.next_number(kind)

    def _remember(self, entry: ParticipantEntry | FacilityEntry | BookEntry) -> None:
        self.directory.add(entry)
        self.directory.save(self.settings.path(self.settings.directory))

    def keys_changed(self) -> None:
        """New reading keys open more: parts that are open must learn of them."""
        self.__dict__.pop("indexer", None)
        if "posting" in self.__dict__:
            self.posting.readers.refresh()


def _terms(settings: Settings) -> Terms:
    """Who else governs, and with which delays."""
    from ledger.chain.deploy import Terms

    return Terms(
        members=tuple(_account(x) for x in settings.authority_members),
        guardians=tuple(_account(x) for x in settings.guardians),
        register_delay_s=settings.register_delay_s, authority_delay_s=settings.authority_delay_s,
        recovery_delay_s=settings.recovery_delay_s, succession_delay_s=settings.succession_delay_s)


def _account(text: str) -> bytes:
    try:
        account = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        account = b""
    if len(account) != ADDRESS_BYTES:
        raise InputError(f"{text!r} is no address.", remedy="Write 0x and 40 hex digits.")
    return account


def _with_chain_id(settings: Settings, clock: Clock | None) -> Settings:
    """A network has its own chain id; ours must be the same, since signatures are bound to it."""
    if settings.chain.startswith("embedded:"):
        return settings
    client = open_chain(settings, clock or wall_clock, read_only=True, any_chain=True)
    try:
        return replace(settings, chain_id=client.chain_id())
    finally:
        client.close()
