"""Frozen records at the price of plain ones.

A frozen dataclass sets each field through `object.__setattr__`, by name: for an event of twenty-seven fields
that takes longer than all that is done with it afterwards, and a book of a million movements makes millions
of such records. `quick` gives the class an `__init__` that sets its fields as any class does, on an object
that is frozen only once it is whole.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any, TypeVar

T = TypeVar("T")


def quick(cls: type[T]) -> type[T]:
    """Give a frozen dataclass with slots a faster `__init__`. Everything else stays as `dataclass` made it.

    While its fields are set, the object belongs to a twin of the class that has the same slots and lets them
    be set; then it becomes one of `cls`. Nobody else has seen it by then.

    Raises:
        TypeError: the class has no slots, or a field with a factory, which this does not know.
    """
    if "__slots__" not in cls.__dict__:
        raise TypeError(f"{cls.__name__} has no slots.")
    known: dict[str, Any] = {"_set": object.__setattr__, "_made": cls}
    arguments, body = [], ['_set(self, "__class__", _open)']
    for f in fields(cls):  # type: ignore[arg-type]  # it is a dataclass
        if f.default_factory is not MISSING or not f.init:
            raise TypeError(f"{cls.__name__}.{f.name} is not a plain field.")
        if f.default is not MISSING:
            known[f"_{f.name}"] = f.default
        arguments.append(f.name if f.default is MISSING else f"{f.name}=_{f.name}")
        body.append(f"self.{f.name} = {f.name}")
    body.append("self.__class__ = _made")
    source = f"def __init__(self, {', '.join(arguments)}):\n " + "\n ".join(body)
    exec(source, known)  # noqa: S102 - as `dataclass` does: made of the names of fields, nothing from outside
    made = known["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    made.__annotations__ = dict(cls.__init__.__annotations__)
    loose = {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    known["_open"] = type(f"_{cls.__name__}", (cls,), loose)
    setattr(cls, "__init__", made)  # noqa: B010 - a plain assignment is what mypy forbids
    return cls
