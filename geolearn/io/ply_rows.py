"""The rows of PLY elements as columns, from text or from bytes. A promised count never decides an allocation."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from geolearn.errors import MeshFormatError
from geolearn.io.damage import damaged, leftover
from geolearn.io.ply_header import Element, Property
from geolearn.io.polygons import ragged_positions
from geolearn.io.words import Words
from geolearn.typing import Array

_FEW = 2**12  # rows of different lengths that Python walks before the compiler is loaded


class Column(NamedTuple):
    """One property of every row: row i holds `count[i]` of the flat `values` (always 1 for plain properties)."""

    values: Array
    count: Array  # int64 (rows,)
    place: Callable[[int], str]


class LinesDoNotFitError(MeshFormatError):
    """The lines of a text are not the rows of its elements; its words may be."""


class LineRows:
    """Elements from text, one row a line."""

    def __init__(self, words: Words):
        self.words, self.row = words, 0

    def read(self, element: Element, wanted: list[Property]) -> dict[str, Column]:
        words, row = self.words, self.row
        left = len(words.first) - row
        if element.count > left:
            problem = f"it promises {element.count} rows of {element.name}, but only {left} lines are left for them"
            raise LinesDoNotFitError(str(damaged(words.source, "the header", problem)))
        first, width = words.first[row : row + element.count], words.per_line[row : row + element.count]
        self.row += element.count

        def place(i: int) -> str:
            return words.place(int(first[i]))

        begin = int(first[0]) if element.count else 0
        numbers = words.numbers(
            slice(begin, int(first[-1] + width[-1]) if element.count else 0), whole=_is_whole(element)
        )
        if element.count and int(width.min()) == int(width.max()):
            columns = _uniform_columns(element, numbers.reshape(element.count, -1), wanted, place)
            if columns is not None:
                return columns
        at, end = first - begin, first - begin + width
        columns = {}
        for prop in element.properties:
            self._expect(at < end, place, element)
            count = np.ones(element.count, dtype=np.int64)
            if prop.count_type is not None:
                length = numbers[at]
                at = at + 1
                self._expect((length >= 0) & (length == np.floor(length)) & (length <= end - at), place, element)
                count = length.astype(np.int64)
            if prop in wanted:
                columns[prop.name] = Column(_picked(numbers, at, count), count, place)
            at = at + count
        self._expect(at == end, place, element)
        return columns

    def _expect(self, good: Array, place: Callable[[int], str], element: Element) -> None:
        if not good.all():
            problem = f"the numbers do not fit the properties of {element.name}: {', '.join(element.names)}"
            raise LinesDoNotFitError(str(damaged(self.words.source, place(int(good.argmin())), problem)))

    def finish(self) -> None:
        """Refuse numbers that no element claims; other text behind the end is said in the log."""
        words = self.words
        if self.row == len(words.first):
            return
        word, more = int(words.first[self.row]), f"{len(words.first) - self.row} lines"
        if words.is_number(word):
            problem = f"{more} more than the header promises: {words.line(word)}"
            raise LinesDoNotFitError(str(damaged(words.source, words.place(word), problem)))
        leftover(words.source, words.place(word), more, words.text[words.begin[word] :])


class WordRows:
    """Elements from text whose rows are not its lines: word after word."""

    def __init__(self, words: Words):
        self.words, self.word = words, 0

    def read(self, element: Element, wanted: list[Property]) -> dict[str, Column]:
        words, begin = self.words, self.word
        if element.count * len(element.properties) > len(words) - begin:
            raise damaged(words.source, "the end", f"too few numbers for {element.count} rows of {element.name}")
        if all(prop.count_type is None for prop in element.properties):
            self.word += element.count * len(element.properties)
            numbers = words.numbers(slice(begin, self.word), whole=_is_whole(element))
            starts = np.arange(element.count) * len(element.properties)
        else:
            numbers = words.numbers(slice(begin, None), whole=_is_whole(element))
            starts = self._walk(numbers.tolist(), element)
        place = (starts + begin).tolist().__getitem__
        columns, at = {}, starts
        for prop in element.properties:
            count = np.ones(element.count, dtype=np.int64)
            if prop.count_type is not None:
                count = numbers[at].astype(np.int64)
                at = at + 1
            if prop in wanted:
                columns[prop.name] = Column(_picked(numbers, at, count), count, lambda row: words.place(place(row)))
            at = at + count
        return columns

    def _walk(self, numbers: list[Any], element: Element) -> Array:
        """Where rows begin, each known only from the one before it."""
        starts, at = [], 0
        for _ in range(element.count):
            starts.append(at)
            for prop in element.properties:
                length = 1
                if prop.count_type is not None:
                    length = numbers[at] if at < len(numbers) else -1
                    at += 1
                if not 0 <= length <= len(numbers) - at or length % 1:  # NaN is no length either
                    raise damaged(self.words.source, "the end", f"the numbers do not fit the rows of {element.name}")
                at += int(length)
        self.word += at
        return np.array(starts, dtype=np.int64)

    def finish(self) -> None:
        if self.word != len(self.words):
            raise damaged(self.words.source, self.words.place(self.word), "more numbers than the header promises")


def _is_whole(element: Element) -> bool:
    return element.name in ("face", "tristrips")


def _uniform_columns(
    element: Element, table: Array, wanted: list[Property], place: Callable[[int], str]
) -> dict[str, Column] | None:
    """Columns of rows that all have the same lengths, or None where they differ or are no lengths."""
    columns, at = {}, 0
    for prop in element.properties:
        length = 1
        if prop.count_type is not None:
            if at >= table.shape[1] or not 0 <= table[0, at] < table.shape[1] or (table[:, at] != table[0, at]).any():
                return None
            length = int(table[0, at])
            if length != table[0, at]:
                return None
            at += 1
        if prop in wanted:
            values = table[:, at : at + length].reshape(-1)
            columns[prop.name] = Column(values, np.full(element.count, length), place)
        at += length
    return columns if at == table.shape[1] else None


def _picked(numbers: Array, at: Array, count: Array) -> Array:
    """`count` numbers from each place on, in one flat array."""
    if len(count) and (count == count[0]).all():
        return numbers[at[:, None] + np.arange(count[0])].reshape(-1)
    return numbers[ragged_positions(at, count)]


class BinaryRows:
    """Elements from bytes."""

    def __init__(self, data: bytes, source: str, begin: int):
        self.data, self.source, self.at = data, source, begin

    def read(self, element: Element, wanted: list[Property]) -> dict[str, Column]:
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
            return {prop.name: Column(empty, empty, str) for prop in wanted}
        lengths, _ = self._row(element, self.at)
        dtype = _row_dtype(element, lengths)
        if element.count * dtype.itemsize <= left:
            table = np.frombuffer(self.data, dtype=dtype, count=element.count, offset=self.at)
            if all((table[f"{i} count"] == length).all() for i, length in lengths.items()):
                return self._uniform(element, table, lengths, wanted)
        return self._ragged(element, wanted)

    def _uniform(
        self, element: Element, table: Array, lengths: dict[int, int], wanted: list[Property]
    ) -> dict[str, Column]:
        """Columns where every row has the lengths of the first."""
        begin, size = self.at, table.dtype.itemsize
        self.at += table.nbytes
        return {
            prop.name: Column(
                table[str(i)].reshape(-1),
                np.full(element.count, lengths.get(i, 1)),
                lambda row: f"byte {begin + row * size}",
            )
            for i, prop in enumerate(element.properties)
            if prop in wanted
        }

    def _ragged(self, element: Element, wanted: list[Property]) -> dict[str, Column]:
        """Columns where rows differ in length: where each row begins is only known from the one before it."""
        starts, lengths = self._walk(element)
        at, column = starts.copy(), 0
        raw = np.frombuffer(self.data, dtype=np.uint8)
        columns = {}
        for prop in element.properties:
            count = np.ones(element.count, dtype=np.int64)
            if prop.count_type is not None:
                at = at + prop.count_type.itemsize
                count = lengths[:, column]
                column += 1
            if prop in wanted:
                values = _gathered(raw, at, count, prop.type)
                columns[prop.name] = Column(values, count, lambda row: f"byte {starts[row]}")
            at = at + count * prop.type.itemsize
        return columns

    def _walk(self, element: Element) -> tuple[Array, Array]:
        """Where every row begins, and the lengths of its lists (rows, lists)."""
        if element.count > _FEW:
            from geolearn.kernels.ply_rows import walk_rows

            layout = np.array([_layout(prop) for prop in element.properties], dtype=np.int64)
            starts = np.empty(element.count + 1, np.int64)
            lengths = np.empty((element.count, int((layout[:, 0] > 0).sum())), np.int64)
            raw = np.frombuffer(self.data, dtype=np.uint8)
            done = walk_rows(raw, self.at, layout, starts, lengths)
            if done == element.count:
                self.at = int(starts[-1])
                return starts[:-1], lengths
            self._row(element, int(starts[done]))  # says what is wrong with it
        begins, counts = [], []
        for _ in range(element.count):
            begins.append(self.at)
            in_row, self.at = self._row(element, self.at)
            counts.append(list(in_row.values()))
        return np.array(begins, dtype=np.int64), np.array(counts, dtype=np.int64)

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
        """Say in the log that bytes behind the end, apart from white space, are not read."""
        more = self.data[self.at :]
        if more.strip():
            leftover(self.source, f"byte {self.at}", f"{len(more)} bytes", more[:100])


Rows = LineRows | WordRows | BinaryRows


def _layout(prop: Property) -> tuple[int, int, int, int]:
    """Bytes of a list's length (0 for a plain property), is it signed, is it big endian, bytes of a value."""
    if prop.count_type is None:
        return 0, 0, 0, prop.type.itemsize
    signed, big = prop.count_type.kind == "i", prop.count_type.byteorder == ">"
    return prop.count_type.itemsize, int(signed), int(big), prop.type.itemsize


def _row_dtype(element: Element, lengths: dict[int, int]) -> np.dtype:
    """The bytes of one row whose lists have these lengths, as fields "0", "1 count", "1", ..."""
    fields = []
    for i, prop in enumerate(element.properties):
        if prop.count_type is None:
            fields.append((str(i), prop.type))
        else:
            fields.extend([(f"{i} count", prop.count_type), (str(i), prop.type, (lengths[i],))])
    return np.dtype(fields)


def _gathered(raw: Array, at: Array, count: Array, dtype: np.dtype) -> Array:
    """`count` values from each byte on, in one flat array."""
    if len(at) > _FEW:
        from geolearn.kernels.ply_rows import gather_bytes

        out = np.empty(int(count.sum()) * dtype.itemsize, np.uint8)
        gather_bytes(raw, at, count * dtype.itemsize, out)
        return out.view(dtype)
    return raw[ragged_positions(at, count * dtype.itemsize)].view(dtype)
