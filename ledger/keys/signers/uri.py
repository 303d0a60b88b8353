"""The parts of a signer's URI: scheme, place, and after `#` what else belongs to it (`a=b&c=d`).

What stands after `#` stays here: it names files and addresses and is never sent to anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

from ledger.errors import InputError
from ledger.keys.secret_files import path_of


@dataclass(frozen=True, slots=True)
class SignerUri:
    """A signer's URI taken apart.

    Attributes:
        scheme: before the first colon.
        place: what follows, without what stands after `#`.
        options: `name=value` after `#`.
        base: folder where relative paths start.
    """

    scheme: str
    place: str
    options: dict[str, str]
    base: Path | None

    @property
    def path(self) -> Path:
        """The place as a path.

        Raises:
            InputError: it names none.
        """
        return path_of(f"{self.scheme}:{self.place}", self.base, self.scheme)

    def file(self, option: str) -> Path | None:
        """The path that an option names; None where it is absent."""
        return (self.base or Path()) / self.options[option] if option in self.options else None


def split_uri(uri: str, base: Path | None, options: tuple[str, ...]) -> SignerUri:
    """Take a signer's URI apart.

    Args:
        uri: as configured.
        base: folder where relative paths start; the working directory if None.
        options: names that may stand after `#`.

    Raises:
        InputError: an option that is unknown, empty or given twice.
    """
    head, mark, fragment = uri.partition("#")
    scheme, _, place = head.partition(":")
    pairs = parse_qsl(fragment, keep_blank_values=True, strict_parsing=False)
    found = dict(pairs)
    unknown = sorted(set(found) - set(options))
    if unknown or len(found) != len(pairs) or not all(found.values()) or (mark and not found):
        known = ", ".join(f"{name}=..." for name in options) or "nothing"
        raise InputError(f"{uri!r} is not the name of a {scheme}: signer.",
                         remedy=f"After # may stand {known}, joined by &, each once and not empty.")
    return SignerUri(scheme, place, found, base)
