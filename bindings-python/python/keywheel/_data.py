"""Data as it crosses the border: from JSON into frozen dataclasses and back, by their type hints.

Knows no class of ours. A value of the wrong type is a TypeError that names the field.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from enum import Enum, StrEnum
from typing import Any, ClassVar, TypeVar

T = TypeVar("T")
Change = Callable[[Any], Any]
F = TypeVar("F", bound=Callable[[Any], Any])


def kept(make: F) -> F:
    """Makes each thing once: types do not change."""
    return typing.cast(F, functools.cache(make))


class OpenWord(StrEnum):
    """Words to which others may add: one that is not listed here is a member all the same."""

    @classmethod
    def _missing_(cls, value: object) -> OpenWord | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_, member._value_ = value, value
        return member


class Data:
    """Plain data. Frozen; fields that have the wrong type are refused when it is made."""

    # How a variant is told from its siblings: by a field, or by a word around its data.
    _tag: ClassVar[str] = ""
    _word: ClassVar[str] = ""
    _is_spread: ClassVar[bool] = False

    def __post_init__(self) -> None:
        made: Any = type(self)
        for name, check in _checks(made):
            value = getattr(self, name)
            checked = check(value, f"{type(self).__name__}.{name}")
            if checked is not value:
                object.__setattr__(self, name, checked)

    def _repr_html_(self) -> str | None:
        from ._html import html

        return html(self)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain dictionaries, lists and strings: keywheel's JSON."""
        value: dict[str, Any] = encode(self)
        return value


# ------------------------------------------------------------------------------------------------------- from JSON


def decode(hint: Any, value: Any) -> Any:
    """Reads JSON that keywheel wrote."""
    return decoder(hint)(value)


@kept
def decoder(hint: Any) -> Change:
    """What reads JSON into this type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is list:
        item = decoder(arguments[0])
        return lambda value: [item(one) for one in value]
    if origin is dict:
        inner = decoder(arguments[1])
        return lambda value: {key: inner(one) for key, one in value.items()}
    if origin in (types.UnionType, typing.Union):
        return _union_decoder(arguments)
    if hint is datetime:
        return datetime.fromisoformat
    if hint is timedelta:
        return lambda value: timedelta(seconds=value["secs"], microseconds=value["nanos"] / 1000)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    if _is_data(hint):
        return _class_decoder(hint if origin is None else origin, _hints(hint))
    return _same


def _class_decoder(made: type[Data], hints: dict[str, Any]) -> Change:
    # Plain values are most of them: only the others are changed.
    changes: list[tuple[str, Change]] | None = None
    defaults: dict[str, Any] = {}

    def read(value: Any) -> Any:
        nonlocal changes
        if changes is None:
            changes = [(name, change) for name, hint in hints.items() if (change := decoder(hint)) is not _same]
            defaults.update(_defaults(made))
        if made._word:
            value = value[made._word] if made._is_spread else value
        fields = {name: make() for name, make in defaults.items() if _json(name) not in value}
        fields.update((name, value[_json(name)]) for name in hints if _json(name) in value)
        for name, change in changes:
            if _json(name) in value:
                fields[name] = change(fields[name])
        data: Data = object.__new__(made)
        data.__dict__.update(fields)
        return data

    return read


def _defaults(made: Any) -> dict[str, Callable[[], Any]]:
    found: dict[str, Callable[[], Any]] = {}
    for field in dataclasses.fields(made):
        if field.default_factory is not dataclasses.MISSING:
            found[field.name] = field.default_factory
        elif field.default is not dataclasses.MISSING:
            found[field.name] = functools.partial(_same, field.default)
    return found


def _union_decoder(members: tuple[Any, ...]) -> Change:
    classes = [member for member in members if _is_data(member)]
    tagged = {getattr(member, member._tag): decoder(member) for member in classes if member._tag}
    around = {member._word: decoder(member) for member in classes if member._word}
    bare = [decoder(member) for member in classes if not member._tag and not member._word]
    others = [member for member in members if member not in classes and member is not types.NoneType]
    plain = decoder(others[0]) if others else _same
    tag = next((member._tag for member in classes if member._tag), "")

    def read(value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, dict) or not classes:
            return plain(value)
        if tag:
            return tagged[value[tag]](value)
        word = next(iter(value), "")
        if word in around and len(value) == 1:
            return around[word](value)
        return bare[0](value)

    return read


# --------------------------------------------------------------------------------------------------------- to JSON


def encode(value: Any) -> Any:
    """Writes JSON that keywheel reads. What is None is left out: the model has no other meaning for it."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return value
    if isinstance(value, Data):
        return _encode_data(value)
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, timedelta):
        microseconds = value // timedelta(microseconds=1)
        return {"secs": microseconds // 1_000_000, "nanos": microseconds % 1_000_000 * 1000}
    if isinstance(value, dict):
        return {str(key): encode(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [encode(one) for one in value]
    raise TypeError(f"{type(value).__name__} is not data that keywheel exchanges")


def _encode_data(value: Any) -> Any:
    fields = {_json(field.name): encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    fields = {name: one for name, one in fields.items() if one is not None}
    if value._tag:
        fields[value._tag] = getattr(value, value._tag)
    if value._word:
        return {value._word: fields} if value._is_spread else fields
    return fields


def instant(value: datetime) -> str:
    """An instant in words: RFC 3339, UTC."""
    return value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


# --------------------------------------------------------------------------------------------------------- checks

Check = Callable[[Any, str], Any]


def checked(hint: Any, value: Any, name: str) -> Any:
    """The value, or a TypeError that names it. A string where a word is wanted becomes the word."""
    return _check(hint)(value, name)


@kept
def _checks(made: Any) -> list[tuple[str, Check]]:
    return [(name, _check(hint)) for name, hint in _hints(made).items()]


@kept
def _check(hint: Any) -> Check:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    wanted = described(hint)

    def refuse(value: Any, name: str) -> TypeError:
        found = "a naive one: say in which zone" if _is_naive(value) else type(value).__name__
        return TypeError(f"{name} must be {wanted}, not {found}")

    if hint is Any or isinstance(hint, TypeVar):
        return lambda value, name: value
    if origin is list:
        item = _check(arguments[0])

        def check_list(value: Any, name: str) -> Any:
            if not isinstance(value, (list, tuple)):
                raise refuse(value, name)
            return [item(one, f"{name}[{number}]") for number, one in enumerate(value)]

        return check_list
    if origin is tuple:
        parts = [_check(part) for part in arguments]

        def check_tuple(value: Any, name: str) -> Any:
            if not isinstance(value, tuple) or len(value) != len(parts):
                raise refuse(value, name)
            return tuple(part(one, f"{name}[{number}]") for number, (part, one) in enumerate(zip(parts, value, strict=True)))

        return check_tuple
    if origin is dict:
        inner = _check(arguments[1])

        def check_dict(value: Any, name: str) -> Any:
            if not isinstance(value, dict):
                raise refuse(value, name)
            return {key: inner(one, f"{name}[{key!r}]") for key, one in value.items()}

        return check_dict
    if origin in (types.UnionType, typing.Union):
        members = [_check(member) for member in arguments]

        def check_union(value: Any, name: str) -> Any:
            for member in members:
                try:
                    return member(value, name)
                except TypeError:
                    continue
            raise refuse(value, name)

        return check_union
    if isinstance(hint, type) and issubclass(hint, Enum):
        words = hint

        def check_word(value: Any, name: str) -> Any:
            if isinstance(value, words):
                return value
            if isinstance(value, str) and not isinstance(value, Enum):
                try:
                    return words(value)
                except ValueError:
                    known = ", ".join(repr(word.value) for word in words)
                    raise TypeError(f"{name} must be one of {known}, not {value!r}") from None
            raise refuse(value, name)

        return check_word
    wants = origin or hint
    if hint is None:
        wants = types.NoneType

    def check_plain(value: Any, name: str) -> Any:
        is_right = isinstance(value, wants) or (wants is float and isinstance(value, int))
        if not is_right or (isinstance(value, bool) and wants is not bool) or (isinstance(value, Enum) and wants is not str):
            raise refuse(value, name)
        if wants is datetime and _is_naive(value):
            raise refuse(value, name)
        return value

    return check_plain


def _is_naive(value: Any) -> bool:
    return isinstance(value, datetime) and value.tzinfo is None


def described(hint: Any) -> str:
    """A type as a sentence has it."""
    if hint in (None, types.NoneType):
        return "None"
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return " or ".join(described(member) for member in typing.get_args(hint))
    if typing.get_origin(hint) is not None:
        return str(hint).replace("keywheel.types.", "")
    name = "aware datetime" if hint is datetime else getattr(hint, "__name__", str(hint))
    return ("an " if name[0] in "aeiouAEIO" else "a ") + name


def _hints(hint: Any) -> dict[str, Any]:
    """The fields of a class and their types, those of a generic class filled in."""
    made, arguments = typing.get_origin(hint) or hint, typing.get_args(hint)
    filled = dict(zip(getattr(made, "__parameters__", ()), arguments, strict=False))
    hints = typing.get_type_hints(made)
    return {field.name: _filled(hints[field.name], filled) for field in dataclasses.fields(made)}


def _filled(hint: Any, filled: dict[Any, Any]) -> Any:
    if isinstance(hint, TypeVar):
        return filled.get(hint, Any)
    if typing.get_origin(hint) is list:
        (item,) = typing.get_args(hint)
        return list[_filled(item, filled)]  # type: ignore[misc]
    return hint


@kept
def _json(name: str) -> str:
    """A field's name in JSON: Python's own words carry an underscore."""
    return name.rstrip("_")


def _is_data(hint: Any) -> bool:
    made = typing.get_origin(hint) or hint
    return isinstance(made, type) and issubclass(made, Data)


def _same(value: Any) -> Any:
    return value
