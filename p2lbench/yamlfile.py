"""YAML from an untrusted file, with the line and column of everything in it."""

from __future__ import annotations

import codecs
import os
import stat
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError, YAMLStreamError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from p2lbench.errors import Place, UserError
from p2lbench.yamlscalars import SCALARS

MAX_BYTES = 1_000_000
MAX_DEPTH = 40
MAX_NODES = 20_000

Keys = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"
# What ruamel.yaml says, and what a reader can do about it.
_PLAIN = (
    ("\\t", "tabs cannot indent YAML: use spaces"),
    ("mapping values are not allowed", "unexpected ':': indent it, or quote a text that has ': '"),
    ("could not find expected ':'", "expected 'key: value', found no ':'"),
    ("expected <block end>", "the indentation does not match the lines above"),
    ("expected ',' or", "expected ',' or the closing bracket of a list or mapping"),
    ("while scanning a quoted scalar", "a quoted text is not closed"),
    ("but found another document", "expected one document, found a second one; remove the '---'"),
    ("undefined alias", "an alias (*name) without its anchor (&name)"),
    ("maximum depth", f"nested more than {MAX_DEPTH} levels deep: flatten it"),
    ("cannot start any token", "a character that needs quotes: put the text in quotes"),
    ("too many nodes", f"more than {MAX_NODES:,} values; name images by a folder or a manifest"),
)


class Locate(Protocol):
    """Where the value at some keys stands, or (`key=True`) its key, or None if nobody knows."""

    def __call__(self, *keys: str | int, key: bool = False) -> Place | None: ...


def nowhere(*keys: str | int, key: bool = False) -> Place | None:
    """The place of what did not come from a file."""
    return None


def below(locate: Locate, *parent: str | int) -> Locate:
    """`locate` for keys below `parent`."""
    return lambda *keys, key=False: locate(*parent, *keys, key=key)


def always(place: Place | None) -> Locate:
    """One place for whatever is asked for."""
    return lambda *keys, key=False: place


@dataclass(frozen=True)
class Document:
    """Plain dicts, lists and scalars, and where each of them stands.

    `values` has every value by its path of keys and indices; `keys` every key of a mapping.
    A value that an alias repeats stands where its anchor does.
    """

    file: str
    data: Any
    keys: dict[Keys, Place] = field(default_factory=dict)
    values: dict[Keys, Place] = field(default_factory=dict)

    def place(self, *keys: str | int, key: bool = False) -> Place:
        """Where a value (or its key) stands; for what is not there, where its parent does."""
        if key and keys in self.keys:
            return self.keys[keys]
        while keys and keys not in self.values:
            keys = keys[:-1]
        return self.values.get(keys, Place(self.file))

    def within(self, *parent: str | int) -> Locate:
        """`place` for keys below `parent`."""
        return below(self.place, *parent)


def display(path: Path) -> str:
    """A path as errors show it: relative to the working directory if it lies below."""
    absolute, here = Path(os.path.abspath(path)), Path.cwd()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute)


def read(path: Path) -> Document:
    """Read a YAML file.

    Raises:
        UserError: it cannot be read, or is not acceptable YAML; with file, line and column.
    """
    return parse(read_bytes(path), display(path))


def read_bytes(path: Path, limit: int = MAX_BYTES) -> bytes:
    """The content of a regular file of at most `limit` bytes.

    Raises:
        UserError: there is no such file, or it is not one to read.
    """
    place = Place(display(path))
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a FIFO would wait for ever
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a device or pipe"
            raise UserError(f"expected a file, got {kind}", place)
        if status.st_size > limit:
            raise UserError(f"expected at most {limit:,} bytes, got {status.st_size:,}", place)
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"cannot be read: {reason}", place) from error
    if len(content) > limit:
        raise UserError(f"expected at most {limit:,} bytes", place)
    return content


def parse(content: bytes | str, file: str) -> Document:
    """Parse one YAML 1.2 document of plain values.

    Refused, each with its place: duplicate and non-text keys, tags, merge keys, several documents,
    numbers that are not finite, and anything large or nested beyond reason (aliases counted).

    Raises:
        UserError: it is none, or is refused.
    """
    text = decode(content, file) if isinstance(content, bytes) else content
    node = compose(text, file)
    if node is None:
        raise UserError("the file is empty: expected 'key: value' lines", Place(file, 1, 1))
    _Measure(file).size(node)
    return _Reader(file).document(node)


def decode(content: bytes, file: str) -> str:
    """Bytes as UTF-8 text.

    Raises:
        UserError: they are not; with the line and column of the first wrong byte.
    """
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].decode()
        message = f"expected UTF-8 text, got byte 0x{content[error.start]:02x}; save it as UTF-8"
        raise UserError(message, _place_after(before, file)) from error


def apply(document: Document, setting: str) -> Document:
    """A copy of a document with one value replaced or added: `budget.passes=100`.

    The value is YAML; a number in the path counts into a list. Errors name `--set budget.passes`.

    Raises:
        UserError: the setting is not of that form, or there is nothing to set there.
    """
    path, equals, value = setting.partition("=")
    label = f"--set {path}"
    keys = path.split(".")
    if not equals or not value.strip() or not all(keys):
        raise UserError(f"--set {setting}: expected a.b=VALUE, for example budget.passes=100")
    try:
        new = parse(value, label).data
    except UserError as error:  # a line and a column would say nothing here
        raise UserError(error.message, Place(label)) from error
    full, data = _replaced(document.data, keys, new, Place(label))
    places = {
        name: {at: place for at, place in table.items() if at[: len(full)] != full}
        for name, table in (("keys", document.keys), ("values", document.values))
    }
    for n in range(1, len(full) + 1):
        for table in places.values():
            table.setdefault(full[:n], Place(label))
    return Document(document.file, data, **places)


def _replaced(data: Any, keys: list[str], new: Any, place: Place) -> tuple[Keys, Any]:
    """The path with its list indices as numbers, and a copy of `data` changed there."""
    if not keys:
        return (), new
    key, rest = keys[0], keys[1:]
    if isinstance(data, list):
        if not key.isdecimal() or int(key) >= len(data):
            raise UserError(f"expected a number below {len(data)}, got '{key}'", place)
        path, inner = _replaced(data[int(key)], rest, new, place)
        return (int(key), *path), [inner if i == int(key) else v for i, v in enumerate(data)]
    if data is None:
        data = {}
    if not isinstance(data, dict):
        hint = f"{data!r} holds nothing: expected a mapping or a list around '{key}'"
        raise UserError(hint, place)
    path, inner = _replaced(data.get(key), rest, new, place)
    return (key, *path), {**data, key: inner}


class _CountingComposer(Composer):
    """Stops at MAX_NODES, before time and memory are spent on the rest."""

    count = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.count += 1
        if self.count > MAX_NODES:
            mark = self.parser.peek_event().start_mark
            raise MarkedYAMLError(problem="too many nodes", problem_mark=mark)
        return super().compose_node(parent, index)


def compose(text: str, file: str) -> Node | None:
    """The nodes of a document, which know where they stand; None for an empty file.

    Raises:
        UserError: it is no YAML.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = _CountingComposer
    yaml.max_depth = MAX_DEPTH
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            node: Node | None = yaml.compose(text)
            return node
        except MarkedYAMLError as error:
            raise UserError(_plain(error), _marked(error, file)) from error
        except ReaderError as error:
            place = _place_after(text[: error.position], file)
            character = f"U+{error.character:04X}"
            raise UserError(f"the character {character} is not allowed in YAML", place) from error
        # ruamel.yaml lets some of these through: an escape beyond Unicode, a version like 9.9.
        except (YAMLError, YAMLStreamError, ValueError, LookupError) as error:
            raise UserError(f"not valid YAML ({error})", Place(file)) from error


def _plain(error: MarkedYAMLError) -> str:
    raw = " ".join(str(part) for part in (error.context, error.problem) if part)
    plain = next((text for sign, text in _PLAIN if sign in raw), None)
    return plain if plain else f"not valid YAML: {' '.join(raw.split())}"


def _marked(error: MarkedYAMLError, file: str) -> Place:
    quote = "quoted scalar" in str(error.context)  # what helps is where it opens
    mark = (error.context_mark if quote else error.problem_mark) or error.problem_mark
    return Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)


def _place_after(text: str, file: str) -> Place:
    line, column = text.count("\n") + 1, len(text) - text.rfind("\n")
    return Place(file, line, column)


class _Measure:
    """Counts values as they would be with every alias written out, each node visited once."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.known: dict[int, tuple[int, int]] = {}
        self.open: set[int] = set()

    def size(self, node: Node) -> tuple[int, int]:
        """Nodes and depth below and with `node`."""
        if id(node) in self.known:
            return self.known[id(node)]
        if id(node) in self.open:
            raise UserError("an alias (*name) inside its own anchor (&name)", _at(node, self.file))
        self.open.add(id(node))
        sizes = [self.size(child) for child in _children(node)]
        total, depth = 1 + sum(n for n, _ in sizes), 1 + max((d for _, d in sizes), default=0)
        if total > MAX_NODES or depth > MAX_DEPTH:
            message = f"aliases expand to more than {MAX_NODES:,} values or {MAX_DEPTH} levels"
            raise UserError(f"{message}: write fewer of them", _at(node, self.file))
        self.open.discard(id(node))
        self.known[id(node)] = total, depth
        return total, depth


def _children(node: Node) -> Iterator[Node]:
    if isinstance(node, SequenceNode):
        yield from node.value
    elif isinstance(node, MappingNode):
        for pair in node.value:
            yield from pair


def _at(node: Node, file: str) -> Place:
    return Place(file, node.start_mark.line + 1, node.start_mark.column + 1)


class _Reader:
    """Turns nodes into values and notes where each stands."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.keys: dict[Keys, Place] = {}
        self.values: dict[Keys, Place] = {}

    def document(self, node: Node) -> Document:
        return Document(self.file, self.value(node, ()), self.keys, self.values)

    def value(self, node: Node, path: Keys) -> Any:
        self.values[path] = _at(node, self.file)
        tag = str(node.tag)
        if isinstance(node, SequenceNode) and tag == _TAG + "seq":
            return [self.value(child, (*path, i)) for i, child in enumerate(node.value)]
        if isinstance(node, MappingNode) and tag == _TAG + "map":
            return self.mapping(node, path)
        if isinstance(node, ScalarNode):
            return self.scalar(node, tag)
        return self.refuse_tag(node, tag)

    def mapping(self, node: MappingNode, path: Keys) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self.key(key_node)
            if key in found:
                first = self.keys[(*path, key)].line
                message = f"'{key}' is here twice, first in line {first}: remove one"
                raise UserError(message, _at(key_node, self.file))
            self.keys[(*path, key)] = _at(key_node, self.file)
            found[key] = self.value(value_node, (*path, key))
            if found[key] is None and not value_node.value:
                # `key:` alone: ruamel.yaml puts the missing value at whatever comes next.
                self.values[(*path, key)] = self.keys[(*path, key)]
        return found

    def key(self, node: Node) -> str:
        tag = str(node.tag)
        if tag == _TAG + "merge":
            message = "merge keys ('<<') are not supported: write the keys out"
            raise UserError(message, _at(node, self.file))
        key = self.scalar(node, tag) if isinstance(node, ScalarNode) else None
        if not isinstance(key, str):
            got = f"'{node.value}'" if isinstance(node, ScalarNode) else "a list or mapping"
            message = f"expected a text as key, got {got}: put it in quotes"
            raise UserError(message, _at(node, self.file))
        return key

    def scalar(self, node: ScalarNode, tag: str) -> Any:
        read = SCALARS.get(tag.removeprefix(_TAG)) if tag.startswith(_TAG) else None
        if read is None:
            return self.refuse_tag(node, tag)
        try:
            return read(node.value)
        except (ValueError, KeyError, OverflowError) as error:
            kind = tag.removeprefix(_TAG)
            text = node.value[:40].encode(errors="backslashreplace").decode()
            expected = "a finite number" if kind == "float" else f"a value of type {kind}"
            message = f"expected {expected}, got '{text}'; put a text in quotes"
            raise UserError(message, _at(node, self.file)) from error

    def refuse_tag(self, node: Node, tag: str) -> Any:
        message = f"the tag {tag.replace(_TAG, '!!')} is not supported: expected plain values"
        raise UserError(message, _at(node, self.file))
