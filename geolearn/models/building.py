"""A model built as the record in a weights file says, on a stranger's word: no larger than the file, from nothing else.

A record names a registered model and its constructor arguments. Arguments that make a constructor fetch something
(`PretrainedModel.not_recorded`) are refused, as are those that it does not have; and while it runs it gets no more
memory and no more modules than the tensors of the file justify.
"""

import inspect
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_module_registration_hook
from torch.utils._python_dispatch import TorchDispatchMode

from geolearn.errors import CheckpointError, GeolearnError, MissingDependencyError, printable

# Constructors make things that are no weights, too: pictures to try a backbone on, tables, parts that are replaced.
_FREE_BYTES, _BYTES_PER_BYTE = 256 * 2**20, 8
_FREE_MODULES, _MODULES_PER_TENSOR = 1000, 10
# What a constructor may raise on arguments that it was never meant for.
_COMPLAINTS = (
    ArithmeticError, AssertionError, AttributeError, GeolearnError, LookupError, MemoryError, RuntimeError, TypeError,
    ValueError,
)  # fmt: skip


def build_recorded(kind: Any, config: object, tensors: int, num_bytes: int, source: str) -> Any:
    """The model `kind`, a `PretrainedModel`, with the arguments `config` of a file of so many tensors and bytes.

    Raises:
        CheckpointError: arguments that are not the model's, that it does not take, or that make it larger than the
            file.
        MissingDependencyError: a package that the model needs is not installed.
    """
    if not isinstance(config, dict):
        raise CheckpointError(f"{source}: expected the arguments of {kind.__name__} by name, got {_shown(config)}")
    parameters = inspect.signature(kind).parameters.values()
    known = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    known = [name for name in known if name not in kind.not_recorded]
    anything = any(p.kind == p.VAR_KEYWORD for p in parameters)
    for name in config:
        if name not in known and (not anything or name in kind.not_recorded):
            raise CheckpointError(
                f"{source}: {_shown(name)} is no argument that a file may give to {kind.__name__}; it may give "
                f"{', '.join(known)}"
            )
    # JSON has no tuples; constructors take them.
    arguments = {name: tuple(value) if isinstance(value, list) else value for name, value in config.items()}
    try:
        with _limits(_FREE_BYTES + _BYTES_PER_BYTE * num_bytes, _FREE_MODULES + _MODULES_PER_TENSOR * tensors):
            return kind(**arguments)
    except _TooMuchError as error:
        raise CheckpointError(
            f"{source}: a {kind.__name__} of {_shown(config)} needs {error}, more than the {tensors} tensors of "
            f"{num_bytes} bytes in the file justify; it is damaged, or made to do harm"
        ) from None
    except MissingDependencyError:
        raise
    except _COMPLAINTS as error:
        raise CheckpointError(
            f"{source}: a {kind.__name__} cannot be made of {_shown(config)} ({type(error).__name__}: "
            f"{printable(error)[:300]})"
        ) from error


def _shown(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


class _TooMuchError(Exception):
    pass


class _Budget(TorchDispatchMode):
    """Counts the bytes of new tensors before they are made; torch's device "meta" says how large they would be."""

    def __init__(self, num_bytes: int):
        super().__init__()
        self.left = num_bytes

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = dict(kwargs or {})
        if any(argument.name == "device" for argument in func._schema.arguments):
            asked = {**options, "device": torch.device("meta")}
            if "generator" in asked:
                asked["generator"] = None
            made = func(*args, **asked)
            if isinstance(made, torch.Tensor):
                self.left -= made.numel() * made.element_size()
                if self.left < 0:
                    raise _TooMuchError(f"a tensor of shape {tuple(made.shape)}")
        return func(*args, **options)


@contextmanager
def _limits(num_bytes: int, modules: int) -> Iterator[None]:
    thread, made = threading.get_ident(), 0

    def count(parent: nn.Module, name: str, module: nn.Module | None) -> None:
        nonlocal made
        if threading.get_ident() == thread:  # others may build what they like
            made += 1
            if made > modules:
                raise _TooMuchError(f"more than {modules} modules")

    hook = register_module_module_registration_hook(count)
    try:
        with _Budget(num_bytes):
            yield
    finally:
        hook.remove()
