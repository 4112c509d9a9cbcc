"""YAML text changed to mean something else, with all the rest of it as it was."""

from __future__ import annotations

import io
import json
import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from p2lbench.errors import UserError
from p2lbench.spec import canonical
from p2lbench.yamlfile import compose, parse

_PLAIN = re.compile(r"[A-Za-z0-9][\w./+-]*(?:[: ][A-Za-z0-9][\w./+-]*)*", re.ASCII)

Edit = tuple[int, int, str]  # from, to, what stands there instead


class _Awkward(Exception):
    """What cannot be changed in place."""


def edited(text: str, wanted: Any) -> str:
    """The text with as few changes as make it mean `wanted`.

    Comments and layout stay, but for what is replaced. Where that cannot be done (anchors, keys
    taken out of a block), the data is written anew, without comments.
    """
    node = compose(text, "")
    try:
        if node is not None:
            changed = _applied(text, _edits(text, node, parse(text, "").data, wanted))
            if _same(parse(changed, "").data, wanted):
                return changed
    except (_Awkward, UserError):
        pass
    stream = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump(wanted, stream)
    return stream.getvalue()


def flow(value: Any) -> str:
    """A value on one line: `{steps: 75, lr: 0.05}`."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{flow(k)}: {flow(v)}' for k, v in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    plain = isinstance(value, str) and _PLAIN.fullmatch(value) and parse(value, "").data == value
    return value if plain else json.dumps(value, ensure_ascii=False)


def _same(old: Any, new: Any) -> bool:
    """Equal, and of equal types: to Python 1 is True and 1.0, too."""
    return canonical(old) == canonical(new)


def _edits(text: str, node: Node, old: Any, new: Any, inside: bool = True) -> list[Edit]:
    """`inside`: whether the node stands in a block, where there may be lines below it."""
    if _same(old, new):
        return []
    block = isinstance(node, CollectionNode) and not node.flow_style
    if isinstance(node, SequenceNode) and isinstance(new, list) and len(new) == len(old):
        items = zip(node.value, old, new, strict=True)
        return [edit for child, o, n in items for edit in _edits(text, child, o, n, block)]
    if isinstance(node, MappingNode) and isinstance(new, dict) and old and not old.keys() - new:
        return _in_mapping(text, node, old, new)
    if block:
        raise _Awkward
    lines = isinstance(node, ScalarNode) and isinstance(new, dict) and inside
    written = _lines(new, node.start_mark.column) if lines else flow(new)
    return [(node.start_mark.index, node.end_mark.index, written)]


def _in_mapping(text: str, node: MappingNode, old: Any, new: Any) -> list[Edit]:
    edits: list[Edit] = []
    for key_node, value_node in node.value:
        key = key_node.value
        if old[key] is None and new[key] is not None and not value_node.value:
            end = _end(text, key_node, value_node)
            edits.append((end, end, f" {flow(new[key])}"))
        else:
            edits += _edits(text, value_node, old[key], new[key], False)
    added = {key: value for key, value in new.items() if key not in old}
    return edits + ([_added(text, node, added)] if added else [])


def _added(text: str, node: MappingNode, added: dict[str, Any]) -> Edit:
    """Below the last value if that ends on its line; else on top, as a comment may follow it."""
    first, (key, value) = node.value[0][0].start_mark, node.value[-1]
    if node.flow_style:
        end = _end(text, key, value)
        return end, end, f", {flow(added)[1:-1]}"
    lines, indent = _lines(added, first.column), "\n" + " " * first.column
    if isinstance(value, ScalarNode) or value.flow_style:
        end = text.find("\n", _end(text, key, value))
        end = len(text) if end < 0 else end
        return end, end, indent + lines
    return first.index, first.index, lines + indent


def _end(text: str, key: Node, value: Node) -> int:
    """Where a scalar or flow value ends; one that is not written ends at its key's colon."""
    if not value.value and value.start_mark.index == value.end_mark.index:
        return text.index(":", key.end_mark.index) + 1
    return int(value.end_mark.index)


def _lines(mapping: dict[str, Any], column: int) -> str:
    return ("\n" + " " * column).join(f"{flow(k)}: {flow(v)}" for k, v in mapping.items())


def _applied(text: str, edits: list[Edit]) -> str:
    last = len(text)
    for start, end, new in reversed([*sorted(edits, key=lambda edit: edit[:2])]):
        if end > last:
            raise _Awkward  # an alias: the same place twice
        text, last = text[:start] + new + text[end:], start
    return text
