"""A Merkle-Patricia trie for storage: many writes, then one pass that hashes what changed.

py-evm's trie encodes and hashes the whole path to the root at every write. Here nodes are objects; a written
path stays unhashed until the root is asked for. Keys are 32-byte hashes, so no key ends inside another and a
branch never holds a value. Same roots and same nodes as the Ethereum specification says (yellow paper,
appendix D), by test against py-evm's own trie.

Nodes read are kept by their hash and never changed; writing copies them. A node that is missing or does not
hash to its name raises MissingTrieNode.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from eth.constants import BLANK_ROOT_HASH
from sha3 import keccak_256
from trie.exceptions import MissingTrieNode

NODES_MAX = 50_000  # decoded nodes kept for the next blocks; about 1 KB each

_NIBBLE = {c: i for i, c in enumerate("0123456789abcdef")}
_HEX = "0123456789abcdef"
_HASHED = 33  # bytes of a reference that is a hash; an embedded node is shorter


class Leaf:
    """The rest of a key (hex digits) and its value."""

    __slots__ = ("path", "reference", "value")

    def __init__(self, path: str, value: bytes) -> None:
        self.path, self.value = path, value
        self.reference: bytes | None = None


class Extension:
    """A stretch that all keys below share (hex digits), and what is below."""

    __slots__ = ("child", "path", "reference")

    def __init__(self, path: str, child: Child) -> None:
        self.path, self.child = path, child
        self.reference: bytes | None = None


class Branch:
    """Sixteen ways on."""

    __slots__ = ("children", "reference")

    def __init__(self, children: list[Child]) -> None:
        self.children = children
        self.reference: bytes | None = None


Node = Leaf | Extension | Branch
Child = Node | bytes | None
"""A node in memory, the hash of one that is not, or nothing. A node with a `reference` is never changed."""


class StorageTrie:
    """One trie over a key-value space of nodes."""

    def __init__(
        self, space: Mapping[bytes, bytes], root: bytes, known: MutableMapping[bytes, Node],
    ) -> None:
        """Read nodes from `space`; `known` holds decoded ones by hash, for all tries of one space."""
        self._space, self._known = space, known
        self._root: Child = None if root == BLANK_ROOT_HASH else root
        self._hash: bytes | None = root
        self._new: dict[bytes, bytes] = {}

    # reading

    def __getitem__(self, key: bytes) -> bytes:
        """The value of a key; empty if it has none."""
        path, at = key.hex(), 0
        node = self._root
        while node is not None:
            if isinstance(node, bytes):
                node = self._load(node, key)
            if isinstance(node, Branch):
                node = node.children[_NIBBLE[path[at]]]
                at += 1
            elif isinstance(node, Leaf):
                return node.value if path[at:] == node.path else b""
            elif path.startswith(node.path, at):
                at += len(node.path)
                node = node.child
            else:
                return b""
        return b""

    def __contains__(self, key: bytes) -> bool:
        return self[key] != b""

    def _load(self, name: bytes, key: bytes = b"") -> Node:
        node = self._known.get(name)
        if node is None:
            raw = self._new.get(name) or self._space.get(name)
            if raw is None or keccak_256(raw).digest() != name:
                raise MissingTrieNode(name, self._hash or BLANK_ROOT_HASH, key)
            node = decoded(raw)
            if len(self._known) >= NODES_MAX:
                for old in list(self._known)[:NODES_MAX // 10]:
                    self._known.pop(old, None)
            self._known[name] = node
        return node

    # writing

    def __setitem__(self, key: bytes, value: bytes) -> None:
        """Give a key a value; an empty one takes it away."""
        if not value:
            del self[key]
            return
        self._root, self._hash = self._put(self._root, key.hex(), value), None

    def __delitem__(self, key: bytes) -> None:
        """Take a key away; nothing happens if it is not there."""
        if key in self:
            self._root, self._hash = self._drop(self._root, key.hex()), None

    def _put(self, node: Child, path: str, value: bytes) -> Node:
        """What stands at a place once the rest of a key has a value there."""
        if node is None:
            return Leaf(path, value)
        if isinstance(node, bytes):
            node = self._load(node)
        if isinstance(node, Branch):
            return self._with_child(node, _NIBBLE[path[0]], path[1:], value)
        shared = _shared(node.path, path)
        if shared == len(node.path):
            if isinstance(node, Leaf):
                return Leaf(path, value)
            return Extension(node.path, self._put(node.child, path[shared:], value))
        children: list[Child] = [None] * 16
        rest = node.path[shared + 1:]
        if isinstance(node, Leaf):
            old: Child = Leaf(rest, node.value)
        else:
            old = Extension(rest, node.child) if rest else node.child
        children[_NIBBLE[node.path[shared]]] = old
        children[_NIBBLE[path[shared]]] = Leaf(path[shared + 1:], value)
        branch = Branch(children)
        return Extension(path[:shared], branch) if shared else branch

    def _with_child(self, node: Branch, way: int, path: str, value: bytes) -> Branch:
        child = self._put(node.children[way], path, value)
        if node.reference is not None:
            node = Branch(node.children.copy())
        node.children[way] = child
        return node

    def _drop(self, node: Child, path: str) -> Child:
        """What stands at a place once the rest of a key, which is there, is gone."""
        if isinstance(node, bytes):
            node = self._load(node)
        if node is None or isinstance(node, Leaf):
            return None
        if isinstance(node, Extension):
            return self._joined(node.path, self._drop(node.child, path[len(node.path):]))
        children = node.children.copy()
        way = _NIBBLE[path[0]]
        children[way] = self._drop(children[way], path[1:])
        left = [i for i, child in enumerate(children) if child is not None]
        return self._joined(_HEX[left[0]], children[left[0]]) if len(left) == 1 else Branch(children)

    def _joined(self, path: str, child: Child) -> Node:
        """A stretch and what is below it as one node, where they can be one."""
        below = self._load(child) if isinstance(child, bytes) else child
        if isinstance(below, Leaf):
            return Leaf(path + below.path, below.value)
        if isinstance(below, Extension):
            return Extension(path + below.path, below.child)
        return Extension(path, child)

    # hashing

    @property
    def root_hash(self) -> bytes:
        """The root over all that was written."""
        if self._hash is None:
            self._hash = BLANK_ROOT_HASH
            if self._root is not None and not isinstance(self._root, bytes):
                reference = self._refer(self._root)
                if len(reference) != _HASHED:  # a root is hashed however short it is
                    reference = self._name(reference, self._root)
                self._hash = reference[1:]
        return self._hash

    def write_to(self, space: MutableMapping[bytes, bytes]) -> None:
        """Hand over the nodes that are new since this trie was made."""
        self.root_hash  # noqa: B018 - hashes what is not hashed yet
        for name, raw in self._new.items():
            space[name] = raw
        self._new = {}

    def _refer(self, node: Child) -> bytes:
        """How a node stands in the one above: its encoding if that is short, else the hash, both as RLP."""
        if node is None:
            return b"\x80"
        if isinstance(node, bytes):
            return b"\xa0" + node
        if node.reference is None:
            if isinstance(node, Branch):
                references = [self._refer(x) for x in node.children]
                body = b"".join(references) + b"\x80"
                node.children = [_by_name(*x) for x in zip(node.children, references, strict=True)]
            elif isinstance(node, Leaf):
                body = rlp_string(_compact(node.path, 2)) + rlp_string(node.value)
            else:
                reference = self._refer(node.child)
                body = rlp_string(_compact(node.path, 0)) + reference
                node.child = _by_name(node.child, reference)
            encoded = rlp_list(body)
            node.reference = encoded if len(encoded) < 32 else self._name(encoded, node)
        return node.reference

    def _name(self, encoded: bytes, node: Node) -> bytes:
        name: bytes = keccak_256(encoded).digest()
        self._new[name] = encoded
        self._known[name] = node
        return b"\xa0" + name


def _by_name(node: Child, reference: bytes) -> Child:
    """A hashed node by its hash alone: else one kept node would keep all that was ever below it."""
    return reference[1:] if len(reference) == _HASHED else node


def _shared(a: str, b: str) -> int:
    """How many digits two paths have in common at their beginning."""
    for i, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return i
    return min(len(a), len(b))


def _compact(path: str, kind: int) -> bytes:
    """Hex digits with their kind (2 for a leaf, 0 for an extension) as bytes."""
    if len(path) % 2:
        return bytes.fromhex(f"{kind + 1}{path}")
    return bytes.fromhex(f"{kind}0{path}")


def rlp_string(raw: bytes) -> bytes:
    """Bytes in RLP."""
    if len(raw) == 1 and raw[0] < 0x80:
        return raw
    return _head(len(raw), 0x80) + raw


def rlp_list(body: bytes) -> bytes:
    """A list in RLP; `body` is its encoded items."""
    return _head(len(body), 0xC0) + body


def _head(length: int, offset: int) -> bytes:
    if length < 56:
        return bytes([offset + length])
    size = (length.bit_length() + 7) // 8
    return bytes([offset + 55 + size]) + length.to_bytes(size, "big")


def decoded(raw: bytes) -> Node:
    """A node from its encoding; it and what is embedded in it know how they are referred to."""
    items = _items(raw, *_span(raw, 0)[:2])
    node = _node(items, raw)
    node.reference = b"\xa0" + keccak_256(raw).digest() if len(raw) >= 32 else raw
    return node


def _span(raw: bytes, at: int) -> tuple[int, int, bool]:
    """Where the content of the item at a place begins and ends, and whether it is a list."""
    first = raw[at]
    if first < 0x80:
        return at, at + 1, False
    is_list = first >= 0xC0
    length = first - (0xC0 if is_list else 0x80)
    begin = at + 1
    if length > 55:
        begin += length - 55
        length = int.from_bytes(raw[at + 1:begin], "big")
    return begin, begin + length, is_list


def _items(raw: bytes, at: int, end: int) -> list[bytes | Node]:
    """The items of a list: bytes, or the node that a list in it is."""
    found: list[bytes | Node] = []
    while at < end:
        begin, after, is_list = _span(raw, at)
        if is_list:
            found.append(decoded(raw[at:after]))
        else:
            found.append(raw[begin:after])
        at = after
    return found


def _node(items: list[Any], raw: bytes) -> Node:
    if len(items) == 17 and items[16] == b"":
        return Branch([x or None if isinstance(x, bytes) else x for x in items[:16]])
    if len(items) != 2:
        raise ValueError(f"not a node of a storage trie: 0x{raw.hex()}")
    digits = items[0].hex()
    path = digits[1:] if int(digits[0], 16) & 1 else digits[2:]
    if _NIBBLE[digits[0]] & 2:
        return Leaf(path, items[1])
    return Extension(path, items[1])
