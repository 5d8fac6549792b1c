"""Numbers of a step, one a token: immutable sequences that take four bytes a number in memory and in a file."""

import math
import struct
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Self, TypeVar, cast, overload

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", int, float)


class Numbers(Sequence[T]):
    """An immutable sequence of 4-byte numbers. It equals, and hashes as, a tuple of the same Python numbers."""

    __slots__ = ("_data",)
    _code: ClassVar[str]
    _what: ClassVar[str]
    _dtype: ClassVar[type[np.generic]]
    _data: bytes

    def __init__(self, values: Iterable[T] = ()) -> None:
        """Raises ValueError, with place and value, for the first number that does not fit."""
        values = values if isinstance(values, (tuple, list)) else tuple(values)
        try:
            self._data = struct.pack(f"<{len(values)}{self._code}", *values)
        except (struct.error, TypeError, OverflowError):
            raise self._error(values) from None

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The numbers that stand in `data`, little-endian. Raises ValueError where it ends within a number."""
        if len(data) % 4:
            raise ValueError(f"{len(data)} bytes; each number takes four")
        new = cls.__new__(cls)
        new._data = data
        return new

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The numbers of a text from `to_text`. Raises ValueError where it is none."""
        return cls.from_bytes(a2b_base64(text, strict_mode=True))

    def to_text(self) -> str:
        """Base64: at most six characters a number, and four."""
        return b2a_base64(self._data, newline=False).decode("ascii")

    @classmethod
    def _error(cls, values: Sequence[Any]) -> ValueError:
        """What to say of the first number that does not fit."""
        for place, value in enumerate(values):
            try:
                (packed,) = struct.unpack(f"<{cls._code}", struct.pack(f"<{cls._code}", value))
            except (struct.error, TypeError, OverflowError):
                packed = math.nan
            if not math.isfinite(packed):
                return ValueError(f"[{place}] is {value!r}; it must be {cls._what}")
        raise AssertionError("each number fits")

    def values(self) -> tuple[T, ...]:
        """All of them, as Python numbers."""
        return struct.unpack(f"<{len(self)}{self._code}", self._data)

    def __bytes__(self) -> bytes:
        """As `from_bytes` reads them."""
        return self._data

    def __len__(self) -> int:
        return len(self._data) >> 2

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> Self: ...
    def __getitem__(self, place: int | slice) -> T | Self:
        if isinstance(place, slice):
            first, last, stride = place.indices(len(self))
            if stride == 1:
                return type(self).from_bytes(self._data[4 * first : 4 * max(first, last)])
            return type(self)(self.values()[place])
        at = place + len(self) if place < 0 else place
        if not 0 <= at < len(self):
            raise IndexError(f"number {place} of {len(self)}")
        return struct.unpack_from(f"<{self._code}", self._data, 4 * at)[0]

    def __iter__(self) -> Iterator[T]:
        return iter(self.values())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """A new array, of double precision where the numbers are real."""
        return np.array(self.values(), dtype=dtype or self._dtype)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Numbers):
            other = cast("Numbers[Any]", other)
            return len(self) == len(other) and (self._data == other._data or self.values() == other.values())
        if isinstance(other, Sequence) and not isinstance(other, (str, bytes)):
            return self.values() == tuple(cast(Sequence[Any], other))
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.values())

    def __add__(self, other: Iterable[T]) -> tuple[T, ...]:
        return (*self.values(), *other)

    def __radd__(self, other: Iterable[T]) -> tuple[T, ...]:
        return (*other, *self.values())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self.values())})"


class Integers(Numbers[int]):
    """Integers of 32 bits."""

    __slots__ = ()
    _code, _what, _dtype = "i", "an integer of 32 bits", np.int64


class Reals(Numbers[float]):
    """Finite numbers, rounded to single precision."""

    __slots__ = ()
    _code, _what, _dtype = "f", "a finite number of single precision", np.float64

    def __init__(self, values: Iterable[float] = ()) -> None:
        values = values if isinstance(values, (tuple, list)) else tuple(values)
        super().__init__(values)
        if not math.isfinite(sum(values)):  # some number is not, or the sum is too large
            self._check()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        new = super().from_bytes(data)
        new._check()
        return new

    def _check(self) -> None:
        values = self.values()
        if not math.isfinite(sum(values)):
            raise self._error(values)
