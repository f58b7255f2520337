"""The rows of PLY elements as columns, from text or from bytes. A promised count never decides an allocation."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from geolearn.io.damage import damaged
from geolearn.io.lines import Lines
from geolearn.io.ply_header import Element
from geolearn.io.triangles import ragged_positions
from geolearn.typing import Array


class Column(NamedTuple):
    """One property of every row: row i holds `count[i]` of the flat `values` (always 1 for plain properties)."""

    values: Array
    count: Array  # int64 (rows,)
    place: Callable[[int], str]


class AsciiRows:
    """Elements from text, one row a line."""

    def __init__(self, lines: Lines, source: str):
        self.lines, self.source, self.row = lines, source, 0

    def read(self, element: Element, wanted: list[str]) -> dict[str, Column]:
        """The wanted properties of the next element."""
        if element.count > len(self.lines) - self.row:
            raise damaged(
                self.source,
                "the header",
                f"it promises {element.count} rows of {element.name}, "
                f"but only {len(self.lines) - self.row} lines are left for them",
            )
        rows = self.lines.numbers(slice(self.row, self.row + element.count), mostly_whole=element.name == "face")
        self.row += element.count
        at, end = rows.start.copy(), rows.start + rows.count
        ones = np.ones(element.count, dtype=np.int64)
        columns = {}
        for prop in element.properties:
            self._expect(at < end, rows.place, element)
            count = ones
            if prop.count_type is not None:
                length = rows.values[at]
                at += 1
                self._expect((length >= 0) & (length == np.floor(length)) & (length <= end - at), rows.place, element)
                count = length.astype(np.int64)
            if prop.name in wanted:
                columns[prop.name] = Column(rows.values[ragged_positions(at, count)], count, rows.place)
            at += count
        self._expect(at == end, rows.place, element)
        return columns

    def _expect(self, good: Array, place: Callable[[int], str], element: Element) -> None:
        if not good.all():
            row = int(good.argmin())
            raise damaged(
                self.source,
                place(row),
                f"the numbers do not fit the properties of {element.name}: {', '.join(element.names())}",
            )

    def finish(self) -> None:
        """Refuse lines that no element claims."""
        if self.row < len(self.lines):
            raise damaged(
                self.source,
                self.lines.place(self.row),
                f"{len(self.lines) - self.row} lines more than the header promises: {self.lines.excerpt(self.row)}",
            )


class BinaryRows:
    """Elements from bytes."""

    def __init__(self, data: bytes, source: str, begin: int):
        self.data, self.source, self.at = data, source, begin

    def read(self, element: Element, wanted: list[str]) -> dict[str, Column]:
        """The wanted properties of the next element."""
        least = sum((p.count_type or p.type).itemsize for p in element.properties)
        left = len(self.data) - self.at
        if element.count * least > left:
            raise damaged(
                self.source,
                f"byte {self.at}",
                f"the header promises {element.count} rows of {element.name}, at least {least} bytes each, "
                f"but only {left} bytes are left",
            )
        if element.count == 0:
            empty = np.zeros(0, dtype=np.int64)
            return dict.fromkeys(wanted, Column(empty, empty, str))
        lengths, _ = self._row(element, self.at)
        dtype = _row_dtype(element, lengths)
        if element.count * dtype.itemsize <= left:
            table = np.frombuffer(self.data, dtype=dtype, count=element.count, offset=self.at)
            if all((table[f"{i} count"] == length).all() for i, length in lengths.items()):
                return self._uniform(element, table, lengths, wanted)
        return self._ragged(element, wanted)

    def _uniform(self, element: Element, table: Array, lengths: dict[int, int], wanted: list[str]) -> dict[str, Column]:
        """Columns where every row has the lengths of the first."""
        begin, size = self.at, table.dtype.itemsize
        self.at += table.nbytes
        return {
            prop.name: Column(
                _widened(table[str(i)].reshape(-1)),
                np.full(element.count, lengths.get(i, 1)),
                lambda row: f"byte {begin + row * size}",
            )
            for i, prop in enumerate(element.properties)
            if prop.name in wanted
        }

    def _ragged(self, element: Element, wanted: list[str]) -> dict[str, Column]:
        """Columns where rows differ in length: where each row begins is only known from the one before it."""
        starts, lengths = [], []
        for _ in range(element.count):
            starts.append(self.at)
            in_row, self.at = self._row(element, self.at)
            lengths.append(list(in_row.values()))
        lists = iter(np.array(lengths, dtype=np.int64).T)
        at = np.array(starts, dtype=np.int64)
        raw = np.frombuffer(self.data, dtype=np.uint8)
        columns = {}
        for prop in element.properties:
            count = np.ones(element.count, dtype=np.int64)
            if prop.count_type is not None:
                at = at + prop.count_type.itemsize
                count = next(lists)
            if prop.name in wanted:
                values = raw[ragged_positions(at, count * prop.type.itemsize)].view(prop.type)
                columns[prop.name] = Column(_widened(values), count, lambda row: f"byte {starts[row]}")
            at = at + count * prop.type.itemsize
        return columns

    def _row(self, element: Element, begin: int) -> tuple[dict[int, int], int]:
        """Property number -> length, for the lists of the row at byte `begin`; and where the row ends."""
        lengths, at = {}, begin
        for i, prop in enumerate(element.properties):
            size = prop.type.itemsize
            if prop.count_type is not None:
                order = "big" if prop.count_type.byteorder == ">" else "little"
                head = self.data[at : at + prop.count_type.itemsize]
                lengths[i] = int.from_bytes(head, order, signed=prop.count_type.kind == "i")
                if lengths[i] < 0:
                    raise damaged(self.source, f"byte {at}", f"a list {prop.name} of {lengths[i]} values")
                at += prop.count_type.itemsize
                size *= lengths[i]
            at += size
            if at > len(self.data):
                raise damaged(
                    self.source,
                    f"byte {begin}",
                    f"the row of {element.name} that begins here ends behind the end of the file, in {prop.name}",
                )
        return lengths, at

    def finish(self) -> None:
        """Refuse bytes that no element claims, apart from white space."""
        if self.data[self.at :].strip():
            raise damaged(
                self.source, f"byte {self.at}", f"{len(self.data) - self.at} bytes more than the header promises"
            )


def _row_dtype(element: Element, lengths: dict[int, int]) -> np.dtype:
    """The bytes of one row whose lists have these lengths, as fields "0", "1 count", "1", ..."""
    fields = []
    for i, prop in enumerate(element.properties):
        if prop.count_type is None:
            fields.append((str(i), prop.type))
        else:
            fields.extend([(f"{i} count", prop.count_type), (str(i), prop.type, (lengths[i],))])
    return np.dtype(fields)


def _widened(values: Array) -> Array:
    """As native float64 or int64."""
    with np.errstate(invalid="ignore"):  # a signalling NaN, refused with the positions
        return values.astype(np.float64 if values.dtype.kind == "f" else np.int64)
