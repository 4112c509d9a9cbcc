"""A pickle's opcodes, interpreted without Python's `pickle`: they build plain data, nothing else.

`pickletools` cuts the bytes into opcodes and their plain arguments. The stack, the memo and what
opcodes do are here. The only callables are those of a table; there is no attribute access, no
import, no `__setstate__`, no extension registry.
"""

from __future__ import annotations

import os
import pickletools
import warnings
from collections.abc import Callable, Mapping
from typing import IO, Any

from p2lbench.weights.pickles.values import CALLS, Bad, Call, Dtype, Global, Inert

MOST_OPCODES = 1_000_000  # NVIDIA's files have some 10,000 to 50,000
Persistent = Callable[[Any], Any]

_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_PLAIN = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    "BYTEARRAY8",
    *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
}
_LONGEST_KEY = 60  # bits; of longer numbers, as many as one likes have the same hash
_KEYS = (str, int, float, bytes, bool, type(None))


def run(
    file: IO[bytes],
    persistent: Persistent | None = None,
    calls: Mapping[str, Call] = CALLS,
) -> Any:
    """The object that a pickle describes, made of plain data and the stand-ins of `values`.

    Args:
        file: at the beginning of a pickle; left behind its end. It must hand out no more bytes than
            it has, whatever number it is asked for, as files in memory do. No more bytes than it
            has are made of the texts in it, either.
        persistent: makes an object of what the pickle refers to outside of itself.
        calls: the names that it may have, and what makes plain data of their arguments.

    Raises:
        Bad: it is damaged, too large, or asks for what is not in the table. Its message may have
            names of the pickle's in it, as they are.
    """
    machine = _Machine(persistent, calls, _size(file))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in texts
            return machine.run(file)
    except Bad:
        raise
    # What pickletools raises for bytes that are no pickle.
    except (ValueError, IndexError, KeyError, OverflowError, SyntaxError) as error:
        raise Bad("damaged or cut short") from error


def _size(file: IO[bytes]) -> int:
    here = file.tell()
    file.seek(0, os.SEEK_END)
    size = file.tell()
    file.seek(here)
    return size


class _Machine:
    """The stack is a list of lists: a mark begins a new one."""

    def __init__(self, persistent: Persistent | None, calls: Mapping[str, Call], left: int) -> None:
        """`left`: how many bytes may be made of texts."""
        self.persistent, self.calls, self.left = persistent, calls, left
        self.stack: list[Any] = []
        self.marked: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.does: dict[str, Callable[[Any], None]] = {
            name.removeprefix("_do_").upper(): getattr(self, name)
            for name in dir(self)
            if name.startswith("_do_")
        }

    def run(self, file: IO[bytes]) -> Any:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            if count >= MOST_OPCODES:
                raise Bad(f"more than {MOST_OPCODES} opcodes")
            self.step(opcode.name, argument)
        return self.result()

    def step(self, name: str, argument: Any) -> None:
        if name in _PLAIN:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in self.does:
            self.does[name](argument)
        else:
            raise Bad(f"opcode {name} is not allowed")

    def result(self) -> Any:
        if len(self.stack) != 1 or self.marked:
            raise Bad("damaged: not one object at its end")
        return self.stack[0]

    def pop(self) -> Any:
        if not self.stack:
            raise Bad("damaged: an opcode without its operands")
        return self.stack.pop()

    def top(self, kind: type, what: str) -> Any:
        """The top of the stack, which must be exactly of a kind."""
        if not self.stack or type(self.stack[-1]) is not kind:
            raise Bad(f"{what} something that is no {kind.__name__}")
        return self.stack[-1]

    def items(self) -> list[Any]:
        """What was pushed since the last mark."""
        if not self.marked:
            raise Bad("damaged: no mark")
        items, self.stack = self.stack, self.marked.pop()
        return items

    def _do_proto(self, version: int) -> None:
        if version > 5:
            raise Bad(f"protocol {version} is not known")

    def _do_frame(self, length: int) -> None:
        """How much to read ahead; not needed."""

    def _do_stop(self, _: None) -> None:
        """The end, which pickletools sees, too."""

    def _do_mark(self, _: None) -> None:
        self.marked.append(self.stack)
        self.stack = []

    def _do_pop(self, _: None) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.items()

    def _do_pop_mark(self, _: None) -> None:
        self.items()

    def _do_dup(self, _: None) -> None:
        self.stack.append(self.pop())
        self.stack.append(self.stack[-1])

    def _do_put(self, key: int) -> None:
        if not self.stack:
            raise Bad("damaged: nothing to remember")
        self.memo[key] = self.stack[-1]

    _do_binput = _do_long_binput = _do_put

    def _do_memoize(self, _: None) -> None:
        self._do_put(len(self.memo))

    def _do_get(self, key: int) -> None:
        if key not in self.memo:
            raise Bad("damaged: recalls what it has not remembered")
        self.stack.append(self.memo[key])

    _do_binget = _do_long_binget = _do_get

    def _do_empty_list(self, _: None) -> None:
        self.stack.append([])

    def _do_empty_dict(self, _: None) -> None:
        self.stack.append({})

    def _do_empty_set(self, _: None) -> None:
        self.stack.append(Inert("builtins.set"))

    def _do_list(self, _: None) -> None:
        items = self.items()  # this changes what the stack is
        self.stack.append(items)

    def _do_tuple(self, _: None) -> None:
        items = self.items()
        self.stack.append(tuple(items))

    def _do_dict(self, _: None) -> None:
        items = self.items()
        self.stack.append(_set({}, items))

    def _do_frozenset(self, _: None) -> None:
        self.items()
        self.stack.append(Inert("builtins.frozenset"))

    def _last(self, count: int) -> None:
        if len(self.stack) < count:
            raise Bad("damaged: an opcode without its operands")
        self.stack[-count:] = [tuple(self.stack[-count:])]

    def _do_tuple1(self, _: None) -> None:
        self._last(1)

    def _do_tuple2(self, _: None) -> None:
        self._last(2)

    def _do_tuple3(self, _: None) -> None:
        self._last(3)

    def _do_append(self, _: None) -> None:
        item = self.pop()
        self.top(list, "appends to").append(item)

    def _do_appends(self, _: None) -> None:
        items = self.items()
        self.top(list, "appends to").extend(items)

    def _do_additems(self, _: None) -> None:
        self.items()
        self.top(Inert, "adds to")

    def _do_setitem(self, _: None) -> None:
        value, key = self.pop(), self.pop()
        _set(self.top(dict, "sets an item of"), [key, value])

    def _do_setitems(self, _: None) -> None:
        items = self.items()
        _set(self.top(dict, "sets items of"), items)

    def _do_global(self, names: str) -> None:
        # pickletools joins the two lines of module and name by a space.
        module, _, name = names.partition(" ")
        self._push_global(module, name)

    def _do_stack_global(self, _: None) -> None:
        name, module = self.pop(), self.pop()
        if not (type(module) is str and type(name) is str):
            raise Bad("a global whose name is no text")
        self._push_global(module, name)

    def _push_global(self, module: str, name: str) -> None:
        full = f"{module}.{name}"
        if full not in self.calls or "." in name:
            raise Bad(f"it asks for {full}, which is not allowed")
        self.stack.append(Global(full))

    def _do_reduce(self, _: None) -> None:
        given = self.pop()
        function = self.top(Global, "calls")
        if type(given) is not tuple:
            raise Bad(f"{function.name} is called with something else than arguments")
        made = self.calls[function.name](function.name, given)
        if type(made) is bytes:  # of a text, which may be recalled as often as one likes
            self.left -= len(made)
            if self.left < 0:
                raise Bad("it makes more bytes than the file has")
        self.stack[-1] = made

    _do_newobj = _do_reduce

    def _do_build(self, _: None) -> None:
        """State of an object: mappings keep their items alone, and nothing else has any."""
        self.pop()
        if not self.stack or type(self.stack[-1]) not in (dict, Inert, Dtype):
            raise Bad("it sets the state of something that has none")

    def _do_binpersid(self, _: None) -> None:
        if self.persistent is None:
            raise Bad("it refers to something outside of itself")
        self.stack.append(self.persistent(self.pop()))


def _set(mapping: dict[Any, Any], items: list[Any]) -> dict[Any, Any]:
    if len(items) % 2:
        raise Bad("damaged: a key without a value")
    for key, value in zip(items[::2], items[1::2], strict=True):
        if type(key) not in _KEYS:  # hashing others could recurse without end
            raise Bad("a mapping with a key that is no text or number")
        if type(key) is int and key.bit_length() > _LONGEST_KEY:
            raise Bad("a mapping with a number for a key that is too long")
        mapping[key] = value
    return mapping
