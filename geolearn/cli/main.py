"""`geolearn`: picks the sub-command, and turns errors into one readable line."""

import io
import logging
import sys
import warnings
from typing import Annotated, Any

from geolearn._optional import require
from geolearn.errors import GeolearnError


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status.

    0 done, 1 failed check, 2 bad input, 130 interrupted, 141 stdout closed by the reader (`geolearn ... | head`).
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        tyro = require("tyro", extra="train")
        from geolearn.cli.benchmark import Benchmark
        from geolearn.cli.data import List, Prepare
        from geolearn.cli.deform import Deform
        from geolearn.cli.demo import Demo
        from geolearn.cli.evaluate import Evaluate
        from geolearn.cli.fit import Fit
        from geolearn.cli.info import Info
        from geolearn.cli.predict import Predict
        from geolearn.cli.render import Render
        from geolearn.cli.train import Train
        from geolearn.cli.voxelize import VoxelizeFile

        def named(command: Any, name: str) -> Any:
            return Annotated[command, tyro.conf.subcommand(name)]

        data = Annotated[
            named(Prepare, "prepare") | named(List, "list"),
            tyro.conf.subcommand("data", description="Prepare datasets, and list them."),
        ]
        commands = (
            named(Demo, "demo")
            | data
            | named(Train, "train")
            | named(Evaluate, "evaluate")
            | named(Predict, "predict")
            | named(Benchmark, "benchmark")
            | named(Fit, "fit")
            | named(Deform, "deform")
            | named(Render, "render")
            | named(VoxelizeFile, "voxelize")
            | named(Info, "info")
        )
        command = tyro.cli(
            commands,
            args=arguments,
            prog="geolearn",
            description="Learning on 3D geometry: train, benchmark, fit, convert and inspect.",
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes),
        )
        # Lightning advises programmers, on worker counts and the like; a command line user cannot act on it.
        warnings.filterwarnings("ignore", module="lightning.*")
        logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
        status = command.run()
        sys.stdout.flush()  # here, where a closed pipe is understood, and not at the interpreter's exit
        return status
    except GeolearnError as error:
        sys.stderr.write(f"geolearn: {error}\n")
        return 2
    except FileNotFoundError as error:
        sys.stderr.write(f"geolearn: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("\ngeolearn: interrupted; what was finished is kept\n")
        return 130
    except BrokenPipeError as error:
        sys.stderr.write(f"geolearn: {error}; what was written to files is kept\n")
        sys.stdout = io.StringIO()  # what was not yet flushed has nowhere to go
        return 141


if __name__ == "__main__":
    sys.exit(main())
