"""The pages of the API reference: one for each public room, and one for each of its public names."""

import importlib
import inspect
import types
from pathlib import Path

from docstrings import to_rst

ROOMS = (
    *("structures", "io", "ops", "nn", "models", "data", "data.procedural", "render", "losses"),
    *("fitting", "training", "errors"),
)


def public_names(room: str) -> list[str]:
    """What a room exports; of `geolearn.errors`, all of its own classes and functions."""
    module = importlib.import_module(f"geolearn.{room}")
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [name for name, thing in vars(module).items() if getattr(thing, "__module__", "") == module.__name__]


def full_names() -> dict[str, str]:
    """Public names that can mean nothing else in a text, by themselves: `load_mesh` can, `sample` cannot."""
    found: dict[str, list[str]] = {}
    for room in ROOMS:
        for name in public_names(room):
            if "_" in name or name != name.lower():
                found.setdefault(name, []).append(f"geolearn.{room}.{name}")
    return {name: places[-1] for name, places in found.items()}  # `MeshFormatError` is at home in the last room


def write_api_pages(folder: Path) -> list[Path]:
    """Write all pages and an index of them; what an earlier call wrote and is public no more is removed."""
    pages = {folder / "index.rst": _index()}
    for room in ROOMS:
        names = public_names(room)
        pages[folder / f"{room}.rst"] = _room_page(room, names)
        for name in names:
            if f"{room}.{name}" not in ROOMS:
                pages[folder / room / f"{name}.rst"] = _name_page(room, name)
    for path, text in pages.items():
        write_if_changed(path, text)
    for path in set(folder.rglob("*.rst")) - set(pages):
        path.unlink()
    return sorted(pages)


def write_if_changed(path: Path, text: str) -> None:
    """Sphinx builds anew what is newer than its page."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _index() -> str:
    rooms = "\n".join(f"   {room}" for room in ROOMS)
    return f"{_title('Reference')}Every public name of every room, from its docstring.\n\n.. toctree::\n\n{rooms}\n"


def _room_page(room: str, names: list[str]) -> str:
    module = f"geolearn.{room}"
    listed = "\n".join(f"   {name}" for name in names)
    pages = "\n".join(f"   {room}/{name}" if f"{room}.{name}" not in ROOMS else f"   {room}.{name}" for name in names)
    return (
        f"{_title(module)}.. automodule:: {module}\n   :no-members:\n   :no-index:\n\n"
        f".. autosummary::\n   :nosignatures:\n\n{listed}\n\n.. toctree::\n   :hidden:\n\n{pages}\n"
    )


def _name_page(room: str, name: str) -> str:
    module = f"geolearn.{room}"
    thing = getattr(importlib.import_module(module), name)
    if isinstance(thing, type) and issubclass(thing, BaseException):
        kind = "autoexception"
        options = "" if room == "errors" else "   :no-index:\n"  # one place for its name to lead to
    elif isinstance(thing, type):
        kind, options = "autoclass", "   :members:\n   :show-inheritance:\n"
    elif inspect.isroutine(thing):
        kind, options = "autofunction", ""
    elif isinstance(thing, types.ModuleType):
        kind, options = "automodule", "   :members:\n"
    else:
        listed = ", ".join(f"``{each}``" for each in thing)
        return f"{_title(name)}.. py:data:: {module}.{name}\n\n   {_first_line(thing)}\n\n   {listed}\n"
    return f"{_title(name)}.. {kind}:: {module}.{name}\n{options}"


def _first_line(thing: object) -> str:
    """What a table is, if its class is one of ours; of the words of a plain dict nobody learns anything."""
    text = inspect.getdoc(thing) if type(thing).__module__.startswith("geolearn") else "Its names:"
    return to_rst([str(text).partition("\n")[0]])[0]


def _title(text: str) -> str:
    return f"{text}\n{'=' * len(text)}\n\n"
