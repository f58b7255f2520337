"""`geolearn`: picks the sub-command, and turns errors into one readable line."""

import importlib
import io
import logging
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Union

from geolearn import __version__
from geolearn._optional import require
from geolearn.errors import GeolearnError, printable, unknown_name

DESCRIPTION = (
    "Learning on 3D geometry: train, benchmark, fit, convert and inspect. --version says which geolearn this is."
)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status.

    0 done, 1 failed check, 2 bad input, or a file or memory that the system does not give, 130 interrupted, 129 and 143
    hung up and terminated, 141 stdout closed by the reader (`geolearn ... | head`).
    """
    _log_to_stderr()
    try:
        with _stopped_by_signals():
            return _run(arguments)
    except GeolearnError as error:
        return _fail(error)
    except Stopped as stopped:
        _say(f"stopped ({stopped.name}); what was finished is kept")
        return 128 + stopped.number
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        _say("interrupted; what was finished is kept")
        return 130
    except BrokenPipeError as error:
        _say(f"{error}; what was written to files is kept")
        sys.stdout = io.StringIO()  # what was not yet flushed has nowhere to go
        return 141
    except OSError as error:
        return _fail(error if error.filename is None else f"{error.filename}: {error.strerror}")
    except MemoryError as error:
        return _fail(f"not enough memory ({error})" if str(error) else "not enough memory")
    except RuntimeError as error:  # so says torch, which has no class of its own for it on processors
        if "can't allocate memory" not in str(error):
            raise
        return _fail(f"not enough memory ({str(error).partition('DefaultCPUAllocator: ')[2] or error})")


# Each in a file of its own, in the order of the help.
COMMANDS = {
    "demo": "Demo",
    "data": "Data",
    "train": "Train",
    "evaluate": "Evaluate",
    "predict": "Predict",
    "label": "Label",
    "benchmark": "Benchmark",
    "compare": "Compare",
    "export": "Export",
    "fit": "Fit",
    "deform": "Deform",
    "complete": "Complete",
    "render": "Render",
    "voxelize": "VoxelizeFile",
    "info": "Info",
}


def _run(arguments: list[str] | None) -> int:
    arguments = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    first = arguments[0]
    if first == "--version":
        print(f"geolearn {__version__}")
        return 0
    if not first.startswith("-") and first not in COMMANDS:  # said before anything is imported
        raise unknown_name("command", first, COMMANDS)
    tyro = require("tyro", extra="train")
    if first in COMMANDS:  # the others need not be read
        arguments, program = arguments[1:], f"geolearn {first}"
        command, description = _command(first)
    else:
        each = {name: _command(name) for name in COMMANDS}
        named = [Annotated[kind, tyro.conf.subcommand(name, description=text)] for name, (kind, text) in each.items()]
        program, command, description = "geolearn", Union[tuple(named)], DESCRIPTION  # noqa: UP007 (all of them)
    chosen: Any = tyro.cli(
        command,
        args=arguments,
        prog=program,
        description=description,
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes),
    )
    # Lightning advises programmers, on worker counts and the like; a command line user cannot act on it.
    warnings.filterwarnings("ignore", module="lightning.*")
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
    status = chosen.run()
    sys.stdout.flush()  # here, where a closed pipe is understood, and not at the interpreter's exit
    return status


def _command(name: str) -> tuple[Any, str | None]:
    """The class, or the union of classes, of a command, and what it does where its docstring does not say so."""
    module = importlib.import_module(f"geolearn.cli.{name}")
    return getattr(module, COMMANDS[name]), getattr(module, "DESCRIPTION", None)


class Stopped(BaseException):
    """A signal that asks the process to end, raised so that half-written files are cleared away."""

    def __init__(self, number: int):
        super().__init__(number)
        self.number, self.name = number, signal.Signals(number).name


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Leave by an exception on SIGTERM and SIGHUP, unless the caller ignores them (`nohup`)."""

    def stop(number: int, frame: object) -> None:
        raise Stopped(number)

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]  # Windows has one
    if threading.current_thread() is not threading.main_thread():
        numbers = []
    taken = [number for number in numbers if signal.getsignal(number) == signal.SIG_DFL]
    for number in taken:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


class _Printable(logging.Formatter):
    """Names of files in a message cannot steer the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record), lines=True)


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_Printable("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def _say(text: object) -> None:
    sys.stderr.write(f"geolearn: {printable(text, lines=True)}\n")


def _fail(text: object) -> int:
    _say(text)
    return 2


if __name__ == "__main__":
    sys.exit(main())
