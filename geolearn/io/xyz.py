"""Rows of points as text: .xyz, .xyzn, .xyzrgb, .pts, .asc and the like.

A row holds x, y, z, then perhaps an intensity, a normal and a colour in any order. White space, commas or semicolons
separate the numbers; a first line with the number of points and lines that start with # or // are skipped, but those
of column names are used. Where there are none, three columns are a normal if nearly all of them have length 1, else a
colour if they lie in 0..255.
"""

import re
from typing import NamedTuple

import numpy as np

from geolearn.errors import MeshFormatError
from geolearn.io.damage import damaged
from geolearn.io.formats import not_this_format
from geolearn.io.words import Words, plain_text
from geolearn.typing import Array

_NOTE = re.compile(rb"^[ \t]*(?:#|//|;|%)[^\n]*", re.MULTILINE)
_NAMES = {
    **{name: name for name in ("x", "y", "z", "nx", "ny", "nz")},
    "normal_x": "nx", "normal_y": "ny", "normal_z": "nz", "normalx": "nx", "normaly": "ny", "normalz": "nz",
    "r": "red", "g": "green", "b": "blue", "red": "red", "green": "green", "blue": "blue",
}  # fmt: skip
_NORMAL, _COLOUR = ("nx", "ny", "nz"), ("red", "green", "blue")


class Points(NamedTuple):
    """What every reader of points returns."""

    positions: Array  # (N, 3) float32 where the file has no more, else float64
    normals: Array | None = None  # (N, 3)
    colours: Array | None = None  # (N, 3 or 4) in [0, 1]


def read_xyz(data: bytes, source: str) -> Points:
    """The points in a text of rows; `source` names it in errors."""
    text = plain_text(data, comments=False)
    if not text.strip() or b"\0" in text:
        raise not_this_format(source, "rows of points", data)
    names = _names(text)
    text = _NOTE.sub(lambda match: b" " * len(match.group()), text)
    text = _with_blanks(text)
    words = Words(text, source)
    line = _first_row(words)
    first, width = words.first[line:], words.per_line[line:]
    if not len(first):
        raise damaged(source, "the whole file", "no points", "Leave this file out")
    wrong = width != width[0]
    if wrong.any() or width[0] < 3:
        row = int(wrong.argmax()) if wrong.any() else 0
        problem = f"expected {max(int(width[0]), 3)} numbers a row, got {width[row]}"
        raise damaged(source, words.place(int(first[row])), problem)
    table = words.numbers(slice(int(first[0]), None)).reshape(len(first), -1)
    columns = _columns(table, names if len(names) == table.shape[1] else [])
    normals, colours = columns.get("normals"), columns.get("colours")
    return Points(
        table[:, columns["positions"]],
        None if normals is None else table[:, normals],
        None if colours is None else _to_unit(table[:, colours]),
    )


def _names(text: bytes) -> list[str]:
    """The names of columns, if a line before the first row of numbers holds them."""
    for line in text[:4096].split(b"\n")[:20]:
        words = re.split(r"[\s,;]+", line.decode("latin-1").strip().lstrip("#/%; \t").lower())
        names = [_NAMES.get(word.strip('"'), word) for word in words if word]
        if {"x", "y", "z"} <= set(names):
            return names
    return []


def _with_blanks(text: bytes) -> bytes:
    """Commas and semicolons as blanks, where they separate numbers and are no decimal commas."""
    head = text[:4096].strip().split(b"\n")[-2:]
    for mark in (b";", b","):
        if mark in text:
            words = head[0].split()
            if len(words) == 1 or all(word.endswith(mark) for word in words[:-1]):
                text = text.replace(mark, b" ")
    return text


def _first_row(words: Words) -> int:
    """The first line of points, behind the number of points or the names of columns."""
    for line in range(min(len(words.first), 20)):
        begin, width = int(words.first[line]), int(words.per_line[line])
        try:
            words.numbers(slice(begin, begin + width))
        except MeshFormatError:
            continue
        if width >= 3:
            return line
    return 0


def _columns(table: Array, names: list[str]) -> dict[str, list[int]]:
    """Which columns hold positions, normals and colours."""
    if names:
        named = {kind: list(kinds) for kind, kinds in (("normals", _NORMAL), ("colours", _COLOUR))}
        found = {kind: [names.index(n) for n in wanted] for kind, wanted in named.items() if set(wanted) <= set(names)}
        return {"positions": [names.index(axis) for axis in "xyz"], **found}
    columns, at = {"positions": [0, 1, 2]}, 3
    if table.shape[1] % 3:  # an intensity; with two left-over columns nobody knows which
        at += 1 if table.shape[1] % 3 == 1 else table.shape[1]
    while at + 3 <= table.shape[1]:
        kind = _kind(table[:, at : at + 3])
        if kind and kind not in columns:
            columns[kind] = [at, at + 1, at + 2]
        at += 3
    return columns


def _kind(values: Array) -> str:
    with np.errstate(over="ignore", invalid="ignore"):
        length = np.linalg.norm(values, axis=1)
    if (np.abs(length - 1) < 0.01).mean() > 0.9 or ((values < 0).any() and (np.abs(values) <= 1.001).all()):
        return "normals"
    return "colours" if (values >= 0).all() and (values <= 255).all() else ""


def _to_unit(colours: Array) -> Array:
    """Colours in [0, 1], which are in 0..255 where one is above 1."""
    return colours / (255 if np.nanmax(colours, initial=0) > 1 else 1)
