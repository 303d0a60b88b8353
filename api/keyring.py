"""The keys of one home: where they lie, and how they come to be there.

    keys/network.key                 shared HMAC secret behind unit ids (all participants of the ledger)
    keys/authority/signer.key        admits participants, registers facilities and books
    keys/gateway/signer.key          sends batches
    keys/operator/checkpoint.key     signs checkpoints (Ed25519)
    keys/PARTICIPANT/signer.key      signs the participant's events (delegated to this home, revocable)
    keys/PARTICIPANT/signer.uri      names another signer to use instead: keystore:, remote: or file:
    keys/PARTICIPANT/reading.key     opens payloads sealed to the participant
    keys/PARTICIPANT/enterprise.key  behind the material ids of a participant that keeps books

A key is made once and never replaced; making it again gives the same key. With a seed every key follows
from it: whoever knows the seed knows all keys, so only a demonstration passes one.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nacl.signing import SigningKey

from ledger.errors import ConflictError, InputError, NotFoundError
from ledger.keys.reading import (
    CHECKPOINT_LABEL,
    CheckpointKey,
    ReadingKey,
    load_checkpoint_key,
    load_reading_key,
    load_shared_secret,
    new_checkpoint_key,
    new_reading_key,
    new_shared_secret,
)
from ledger.keys.secret_files import create_file, path_of, read_key
from ledger.settings import Settings

if TYPE_CHECKING:
    from ledger.keys.signers import AskSecret, Signer

RESERVED = frozenset({"authority", "gateway", "operator", "network"})
ID_CHARS_MAX = 63
_Key = TypeVar("_Key")


class Keyring:
    """Opens and makes the keys of a home.

    Args:
        settings: say where the keys are.
        seed: see the module; None makes random keys.
    """

    def __init__(
        self, settings: Settings, seed: bytes | None = None, ask_secret: AskSecret | None = None
    ) -> None:
        self._settings = settings
        self.seed = seed
        self.ask_secret = ask_secret
        """Asks a person for the password of a keystore; None where nobody is there."""

    def make_network(self) -> None:
        """Make the keys of the home itself, those that are missing."""
        s = self._settings
        self._ensure(s.authority_signer, self.open, _new_signer)
        self._ensure(s.gateway_signer, self.open, _new_signer)
        self._ensure(s.operator_key, load_checkpoint_key, new_checkpoint_key)
        self._ensure(s.network_secret, load_shared_secret, new_shared_secret)

    def make_participant(self, participant_id: str, *, keeps_books: bool) -> None:
        """Make the keys of a participant, those that are missing."""
        if not self._named(participant_id).is_file():
            self._ensure(self._uri(participant_id, "signer.key"), self.open, _new_signer)
        self._ensure(self._uri(participant_id, "reading.key"), load_reading_key, new_reading_key)
        if keeps_books:
            self._ensure(self._uri(participant_id, "enterprise.key"), load_shared_secret, new_shared_secret)

    def authority(self) -> Signer:
        """The signer that admits participants."""
        return self.open(self._settings.authority_signer)

    def gateway(self) -> Signer:
        """The signer that sends batches."""
        return self.open(self._settings.gateway_signer)

    def checkpoint(self) -> CheckpointKey:
        """The operator's key."""
        return load_checkpoint_key(self._settings.key_uri(self._settings.operator_key))

    def checkpoint_signing_key(self) -> SigningKey:
        """The operator's key in the form in which the checkpoint log takes it."""
        return SigningKey(
            read_key(path_of(self._settings.key_uri(self._settings.operator_key)), CHECKPOINT_LABEL)
        )

    def network_secret(self) -> bytes:
        """32 bytes behind every unit id."""
        return load_shared_secret(self._settings.key_uri(self._settings.network_secret))

    def signer(self, participant_id: str) -> Signer:
        """The signer delegated to this home by a participant.

        Raises:
            NotFoundError: this home holds none.
        """
        if not self.holds(participant_id):
            raise NotFoundError(
                f"this home holds no signing key of {participant_id!r}.",
                remedy="Post from the home of that participant, or send events signed there.",
            )
        return self.open(self.signer_uri(participant_id))

    def signer_uri(self, participant_id: str) -> str:
        """The URI of the signer that this home uses for a participant."""
        named = self._named(participant_id)
        if named.is_file():
            return named.read_text("utf-8").strip()
        return self._uri(participant_id, "signer.key")

    def use(self, participant_id: str, uri: str) -> None:
        """Use another signer for a participant from now on; it must open."""
        self.open(uri)
        named = self._named(participant_id)
        create_file(temporary := named.with_suffix(".new"), uri + "\n")
        temporary.replace(named)

    def open(self, uri: str) -> Signer:
        """The signer that a URI names; relative paths start at the home."""
        # signing brings elliptic curves along, which take a second to load; who only asks needs none
        from ledger.keys.signers import load_signer

        return load_signer(uri, self.ask_secret, base=self._settings.home.absolute())

    def reading_key(self, participant_id: str) -> ReadingKey:
        """The key that opens what is sealed to a participant.

        Raises:
            NotFoundError: this home holds none.
        """
        return load_reading_key(self._settings.key_uri(self._uri(participant_id, "reading.key")))

    def reading_keys(self) -> dict[str, ReadingKey]:
        """Every reading key of this home, by participant id."""
        return {name: self.reading_key(name) for name in self._with("reading.key")}

    def enterprise_keys(self) -> dict[str, bytes]:
        """Every secret behind material ids that this home holds, by participant id."""
        return {
            name: load_shared_secret(self._settings.key_uri(self._uri(name, "enterprise.key")))
            for name in self._with("enterprise.key")
        }

    def holds(self, participant_id: str) -> bool:
        """Whether this home may sign for a participant."""
        return self._named(participant_id).is_file() or (
            self._folder / participant_id / "signer.key"
        ).is_file()

    def add_signer(self, participant_id: str, *, password: str | None = None) -> tuple[Signer, Path]:
        """Make one more signing key for a participant, beside the first one under the next free number.

        Args:
            participant_id: whose key it will be.
            password: makes a keystore; None a plain 0600 file.
        """
        path = self.free_path(participant_id, "key" if password is None else "json")
        seed = self._derived(f"{participant_id}/{path.name}") if password is None else None
        return _new_signer(path, seed=seed, password=password), path

    def recovery_keys(self, participant_id: str) -> tuple[Signer, ReadingKey]:
        """The keys to which a participant is being recovered; made at the first call, the same after it."""
        signer = self._uri(participant_id, "recovery/signer.key")
        reading = self._uri(participant_id, "recovery/reading.key")
        return (
            self._ensure(signer, self.open, _new_signer),
            self._ensure(reading, load_reading_key, new_reading_key),
        )

    def recovering(self) -> list[str]:
        """Participants whose recovery to keys of this home is announced and not yet carried out."""
        if not self._folder.is_dir():
            return []
        return sorted(path.parent.parent.name for path in self._folder.glob("*/recovery/signer.key"))

    def adopt_recovery(self, participant_id: str) -> None:
        """Put the keys of a recovery in the place of the old ones, which are kept beside them, if any.

        The reading key first: killed in between, it is simply called again.
        """
        folder = self._folder / participant_id
        for name in ("reading.key", "signer.key"):
            new, place = folder / "recovery" / name, folder / name
            if not new.exists():
                continue
            if place.exists():
                place.rename(_free(folder, f"{name.removesuffix('.key')}-before"))
            new.rename(place)
        self._named(participant_id).unlink(missing_ok=True)
        (folder / "recovery").rmdir()

    def free_path(self, participant_id: str, suffix: str) -> Path:
        """Where one more signing key of a participant can be put."""
        number = 2
        while (free := self._folder / participant_id / f"signer-{number}.{suffix}").exists():
            number += 1
        return free

    def listed(self) -> list[tuple[str, str, Path]]:
        """(owner, what it is, file) of every key of this home; the keys themselves stay closed."""
        found = []
        for path in sorted([*self._folder.rglob("*.key"), *self._folder.rglob("signer-*.json")]):
            owner = path.parent.name if path.parent != self._folder else "network"
            found.append((owner, path.stem, path))
        return found

    def _named(self, participant_id: str) -> Path:
        check_id(participant_id)
        return self._folder / participant_id / "signer.uri"

    @property
    def _folder(self) -> Path:
        return self._settings.path(self._settings.keys)

    def _uri(self, participant_id: str, name: str) -> str:
        check_id(participant_id)
        return f"file:{self._settings.keys}/{participant_id}/{name}"

    def _with(self, name: str) -> list[str]:
        if not self._folder.is_dir():
            return []
        return sorted(path.parent.name for path in self._folder.glob(f"*/{name}"))

    def _ensure(self, uri: str, load: Callable[[str], _Key], make: Callable[..., _Key]) -> _Key:
        where = self._settings.key_uri(uri)
        try:
            return load(where)
        except NotFoundError:
            if not where.startswith("file:"):  # only plain files are made by themselves
                raise
            path = path_of(where)
            label = (
                path.relative_to(self._settings.home.absolute()).as_posix()
                if path.is_relative_to(self._settings.home.absolute())
                else path.as_posix()
            )
            try:
                return make(path, seed=self._derived(label))
            except ConflictError:  # another process made it just now
                return load(where)

    def _derived(self, label: str) -> bytes | None:
        return None if self.seed is None else hmac.digest(self.seed, label.encode(), "sha256")


def _free(folder: Path, stem: str) -> Path:
    number = 1
    while (free := folder / f"{stem}-{number}.key").exists():
        number += 1
    return free


def check_id(participant_id: str) -> None:
    """Refuse an id that could not be a folder name.

    Raises:
        InputError: not lower-case letters, digits and dashes, or a reserved word.
    """
    good = (
        0 < len(participant_id) <= ID_CHARS_MAX
        and participant_id[0] != "-"
        and all(c.isascii() and (c.islower() or c.isdigit() or c == "-") for c in participant_id)
    )
    if not good:
        raise InputError(
            f"{participant_id!r} cannot be an id.",
            remedy=f"Use up to {ID_CHARS_MAX} lower-case letters, digits and dashes.",
        )
    if participant_id in RESERVED:
        raise InputError(
            f"{participant_id!r} is reserved for the home's own keys.", remedy="Choose another id."
        )


def _new_signer(path: Path, **more: Any) -> Signer:
    from ledger.keys.signers import new_signer

    return new_signer(path, **more)
