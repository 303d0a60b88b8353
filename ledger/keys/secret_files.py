"""Key files: one labelled line of hex, 0600 from the first moment, never overwritten.

The label (`secp256k1:`, `x25519:`, `ed25519:`, `hmac:`) keeps a key of one purpose from being used for
another. A file that group or others may read is refused: a key that was readable must be taken for known.
So is one in a folder where others may write: they could put their own key in its place.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ledger.errors import ConflictError, InputError, NotFoundError

FILE_BYTES_MAX = 65_536  # a keystore v3 file has about 500 bytes


def path_of(uri: str, base: Path | None = None, scheme: str = "file") -> Path:
    """Path named by a `file:` (or other path-like) URI; `file:///a` and `file:/a` mean the same.

    Args:
        uri: scheme, colon, path.
        base: folder where relative paths start; the working directory if None.
        scheme: the scheme expected.

    Raises:
        InputError: no such scheme, or no path.
    """
    head, colon, rest = uri.partition(":")
    if not colon or head != scheme or not rest.strip("/"):
        raise InputError(f"{uri!r} does not name a key file.", remedy=f"Write {scheme}:PATH.")
    if rest.startswith("//"):
        if not rest.startswith("///"):
            raise InputError(f"{uri!r} names a host.", remedy=f"Write {scheme}:PATH.")
        rest = rest[2:]
    return (base or Path()) / rest


def create_file(path: Path, text: str) -> None:
    """Write a new file with mode 0600 that is either complete and on disk, or absent.

    A folder that has to be made is made 0700.

    Raises:
        ConflictError: the file exists; it is not touched.
        InputError: the folder cannot be written.
    """
    temporary = _temporary(path)
    try:
        _make_folder(path.parent)
        try:
            _write(temporary, text)
            os.link(temporary, path)  # unlike rename, link refuses to replace a key that is there
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except FileExistsError as fault:
        raise ConflictError(f"{path} exists; a key file is never overwritten.",
                            remedy="Move it away, or choose another name.") from fault
    except OSError as fault:
        raise InputError(f"{path} cannot be written: {fault.strerror}.") from fault


def replace_file(path: Path, text: str) -> None:
    """Give a key file new content (the same key under another password). A crash leaves the old or the new.

    Raises:
        InputError: it cannot be written.
    """
    temporary = _temporary(path)
    try:
        try:
            _write(temporary, text)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as fault:
        raise InputError(f"{path} cannot be written: {fault.strerror}.") from fault


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.urandom(6).hex()}.new")


def _write(path: Path, text: str) -> None:
    """A new file on disk that nobody else could open at any moment."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _make_folder(path: Path) -> None:
    if not path.is_dir():
        _make_folder(path.parent)  # mkdir's own `parents` would make them as open as the umask lets it
        path.mkdir(mode=0o700, exist_ok=True)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_file(path: Path, encoding: str = "ascii") -> str:
    """Text of a key file.

    Raises:
        NotFoundError: there is no such file.
        InputError: readable by others, in a folder where others write, not a regular file, too large, or not
        text.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise InputError(f"{path} is not a regular file.")
            if status.st_mode & 0o077:
                raise InputError(
                    f"{path} has mode {stat.S_IMODE(status.st_mode):04o}: others may read this key.",
                    remedy=f"If nobody did, run chmod 600 {path}; else replace the key.")
            folder = path.parent.stat().st_mode
            if folder & 0o022 and not folder & stat.S_ISVTX:
                raise InputError(
                    f"others may replace {path}: its folder has mode {stat.S_IMODE(folder):04o}.",
                    remedy=f"Run chmod go-w {path.parent}, and make sure that the key is yours.")
            data = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError as fault:
        raise NotFoundError(f"there is no key file {path}.") from fault
    except OSError as fault:
        raise InputError(f"{path} cannot be read: {fault.strerror}.") from fault
    if len(data) > FILE_BYTES_MAX:
        raise InputError(f"{path} is too large for a key file.")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as fault:
        raise InputError(f"{path} is not a key file.") from fault


def create_key(path: Path, label: str, key: bytes) -> None:
    """Write a 32-byte key as `label:hex`.

    Raises:
        ConflictError: the file exists.
    """
    create_file(path, f"{label}:{key.hex()}\n")


def read_key(path: Path, label: str) -> bytes:
    """The 32 bytes of a key file with that label.

    Raises:
        NotFoundError: there is no such file.
        InputError: readable by others, another label, or malformed.
    """
    text = read_file(path).strip()
    found, _, digits = text.partition(":")
    if found != label:
        # the content is not shown: it may be a key after all
        raise InputError(f"{path} is not a key file of the kind {label}.")
    try:
        key = bytes.fromhex(digits)
    except ValueError as fault:
        raise InputError(f"{path} is malformed: 64 hex digits are expected after {label}:.") from fault
    if len(key) != 32 or len(digits) != 64:
        raise InputError(f"{path} is malformed: 64 hex digits are expected after {label}:.")
    return key
