"""A name -> object table that refuses to overwrite and suggests the nearest name."""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar, cast

from geolearn.errors import InvalidInputError, unknown_name
from geolearn.plugins import load_plugins

T = TypeVar("T")
Entry = TypeVar("Entry")  # a decorated class keeps its own type


class Registry(Generic[T]):
    """Names to things of one `kind` ("model", "dataset", ...), in sorted order.

    Args:
        kind: for messages.
        plugins: other packages add to it (`geolearn.plugins`); they are imported where a name is asked for that is not
            registered, or all names.

    >>> SHAPES = Registry("shape")
    >>> @SHAPES.register("ball")
    ... class Ball:
    ...     pass
    >>> list(SHAPES), SHAPES["ball"] is Ball
    (['ball'], True)
    >>> SHAPES["bal"]
    Traceback (most recent call last):
    geolearn.errors.UnknownNameError: unknown shape 'bal'. Did you mean 'ball'? Known: ball.
    """

    def __init__(self, kind: str, *, plugins: bool = False):
        self.kind = kind
        self._plugins_wait = plugins
        self._entries: dict[str, T] = {}

    def register(self, name: str) -> Callable[[Entry], Entry]:
        """Decorator: `@MODELS.register("voxnet")`. A name can be taken once."""

        def add(entry: Entry) -> Entry:
            self.add(name, cast(T, entry))
            return entry

        return add

    def add(self, name: str, entry: T) -> None:
        """Enter a thing under a name that is not taken yet."""
        if name in self._entries:
            raise InvalidInputError(f"{self.kind} {name!r} is already registered as {self._entries[name]!r}")
        self._entries[name] = entry

    def __getitem__(self, name: str) -> T:
        if name not in self._entries:
            self._import_plugins()
        try:
            return self._entries[name]
        except KeyError:
            raise unknown_name(self.kind, name, self._entries) from None

    def __contains__(self, name: object) -> bool:
        if name not in self._entries:
            self._import_plugins()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        self._import_plugins()
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        self._import_plugins()
        return len(self._entries)

    def _import_plugins(self) -> None:
        waiting, self._plugins_wait = self._plugins_wait, False  # first, since plugins look things up as well
        if waiting:
            load_plugins()
