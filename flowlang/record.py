"""`@record`: a frozen dataclass that costs little to define.

The program has more than a hundred of them, and the standard decorator writes six functions for each when a module is
imported: together a third of the time that `check` takes to start. Records share four functions. What they lack is
the guards at run time, against assignment and wrong arguments; the type checker has both.
"""

from dataclasses import _FIELD, MISSING, Field, field  # type: ignore[attr-defined]
from typing import Any, TypeVar, dataclass_transform

_T = TypeVar("_T")


@dataclass_transform(frozen_default=True, field_specifiers=(field, Field))
def record(cls: type[_T]) -> type[_T]:
    """The class with a constructor, equality, hash and representation, by its annotated fields in their order."""
    fields: dict[str, Any] = {}
    for name, kind in cls.__dict__.get("__annotations__", {}).items():
        default = cls.__dict__.get(name, MISSING)
        one: Any = default if isinstance(default, Field) else field(default=default)
        one.name, one.type, one._field_type = name, kind, _FIELD
        if default is one:
            delattr(cls, name)
            if one.default is not MISSING:
                setattr(cls, name, one.default)
        if hasattr(one.default, "__get__"):
            setattr(cls, name, staticmethod(one.default))  # a function in a class would be a method of it
        fields[name] = one
    changed: Any = cls
    changed.__dataclass_fields__ = fields
    setattr(changed, "__match_args__", tuple(fields))  # noqa: B010 - the type checker knows of no other way
    changed._made_new = tuple(
        (n, one.default_factory) for n, one in fields.items() if one.default_factory is not MISSING
    )
    changed.__init__, changed.__eq__, changed.__hash__, changed.__repr__ = _init, _equal, _hash, _shown
    return cls


def _init(self: Any, *values: Any, **named: Any) -> None:
    if values:
        own = self.__dict__
        own.update(zip(self.__match_args__, values))  # noqa: B905 - what is left out has a default; `strict` takes time
        if named:
            own.update(named)
    else:
        self.__dict__ = own = named
    for name, make in self._made_new:
        if name not in own:
            own[name] = make()


def _values(one: Any) -> tuple[Any, ...]:
    return tuple([getattr(one, name) for name in one.__match_args__])


def _equal(one: Any, other: object) -> Any:
    if one is other:
        return True
    return _values(one) == _values(other) if type(one) is type(other) else NotImplemented


def _hash(one: Any) -> int:
    return hash(_values(one))


def _shown(one: Any) -> str:
    told = (f"{name}={getattr(one, name)!r}" for name, kind in one.__dataclass_fields__.items() if kind.repr)
    return f"{type(one).__name__}({', '.join(told)})"
