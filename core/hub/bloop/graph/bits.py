"""Sets of small numbers as the bits of an int, which Python joins and cuts at memory speed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import compress, count

_TO_FLAGS = bytes.maketrans(b"01", b"\0\1")
_TO_DIGITS = bytes.maketrans(b"\0\1", b"01")
_FEW = 64


def flags(bits: int) -> bytes:
    """A byte, 0 or 1, for each number from 0 to the highest in the set."""
    # The quickest way found: bases that are powers of two are written in linear time, without the
    # limit on digits, and itertools.compress takes the bytes as they are.
    return bin(bits)[:1:-1].encode().translate(_TO_FLAGS)


def from_flags(marks: bytes | bytearray) -> int:
    """The opposite of :func:`flags`."""
    return int(marks.translate(_TO_DIGITS)[::-1], 2) if marks else 0


def from_numbers(found: Sequence[int], size: int) -> int:
    """The set of what was ``found``, all below ``size``."""
    if len(found) < _FEW:
        bits = 0
        for number in found:
            bits |= 1 << number
        return bits
    marks = bytearray(size)
    for number in found:
        marks[number] = 1
    return from_flags(marks)


def numbers(bits: int) -> list[int]:
    """The numbers in the set, ascending."""
    return list(compress(count(), flags(bits)))


def tally(sets: Iterable[int], size: int) -> list[int]:
    """In how many of ``sets`` each number below ``size`` is.

    The counts are kept bit-sliced: plane i holds the bit i of every count, so that a set is added
    to all counts with a few operations on whole ints.
    """
    planes: list[int] = []
    for bits in sets:
        carry, at = bits, 0
        while carry:
            if at == len(planes):
                planes.append(carry)
                break
            planes[at], carry = planes[at] ^ carry, planes[at] & carry
            at += 1
    counts = [0] * size
    for at, plane in enumerate(planes):
        for number in numbers(plane):
            counts[number] += 1 << at
    return counts
