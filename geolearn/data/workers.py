"""Spread a preparation over processes, or over a cluster, with a progress bar and a list of everything that failed."""

import contextlib
import functools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from geolearn._optional import require
from geolearn.errors import DatasetError, GeolearnError, InvalidInputError, MissingDependencyError
from geolearn.progress import track

Task = TypeVar("Task")
BACKENDS = ("loky", "threading", "dask", "ray")
SHOWN_FAILURES = 10


@dataclass(frozen=True)
class Workers:
    """How to run many independent tasks.

    Attributes:
        jobs: processes; 1 runs in this one, -1 uses every core.
        backend: "loky" (processes here), "threading", or a cluster: "dask" (the Client of this process, else
            `$DASK_SCHEDULER_ADDRESS`) or "ray" (`$RAY_ADDRESS`). Its machines need the data home on a shared disk.
        progress: as `show` of `geolearn.progress.progress_bar`: True = a bar in a terminal, a line every ten seconds
            elsewhere; None = the bar only; False = nothing.
    """

    jobs: int = 1
    backend: str = "loky"
    progress: bool | None = None

    def __post_init__(self) -> None:
        if self.backend not in BACKENDS:
            raise InvalidInputError(f"backend: expected one of {', '.join(BACKENDS)}, got {self.backend!r}")
        if self.jobs == 0 or self.jobs < -1:
            raise InvalidInputError(f"jobs: expected a number of processes, or -1 for every core, got {self.jobs}")

    def map(self, function: Callable[[Task], Any], tasks: Sequence[Task], title: str) -> list[Any]:
        """`[function(task) for task in tasks]`, whatever the number of workers.

        All tasks are tried before anything is raised, so that one run names every bad file.

        Raises:
            DatasetError: some task raised a GeolearnError; names each.
            MissingDependencyError: at the first task that needs a package which is not there.
        """
        results, failures = self.attempt(function, tasks, title)
        if failures:
            named = list(failures.values())
            more = f" ... and {len(named) - SHOWN_FAILURES} more" if len(named) > SHOWN_FAILURES else ""
            raise DatasetError(
                f"{len(named)} of {len(tasks)} could not be prepared ({title}); repair or replace them and run again, "
                "what is done is kept:\n  " + "\n  ".join(named[:SHOWN_FAILURES]) + more
            )
        return [results[number] for number in range(len(tasks))]

    def attempt(
        self, function: Callable[[Task], Any], tasks: Sequence[Task], title: str
    ) -> tuple[dict[int, Any], dict[int, str]]:
        """Results by the number of their task, and what went wrong with the others, both in the order of the tasks.

        Raises:
            MissingDependencyError: at the first task that needs a package which is not there.
        """
        results: dict[int, Any] = {}
        failures: dict[int, str] = {}
        for number, result, failure in track(self._run(function, tasks), title, total=len(tasks), show=self.progress):
            if failure is None:
                results[number] = result
            else:
                failures[number] = failure
        return dict(sorted(results.items())), dict(sorted(failures.items()))

    def _run(self, function: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterator[tuple[int, Any, str | None]]:
        attempt = functools.partial(_attempt, function)
        if self.jobs == 1 and self.backend == "loky":
            yield from map(attempt, range(len(tasks)), tasks)
            return
        joblib = require("joblib", extra="data")
        with self._cluster(joblib), self._shared_threads():
            backend, _ = joblib.parallel.get_active_backend()
            # Where results cannot be had as they come (Ray), the bar moves only at the end.
            as_they_come = getattr(backend, "supports_return_generator", False)
            parallel = joblib.Parallel(n_jobs=self.jobs, return_as="generator_unordered" if as_they_come else "list")
            yield from parallel(joblib.delayed(attempt)(number, task) for number, task in enumerate(tasks))

    @contextlib.contextmanager
    def _shared_threads(self) -> Iterator[None]:
        """Let threads that work side by side compute with their part of the cores; joblib does it for processes."""
        if self.backend != "threading":
            yield
            return
        import torch  # late: most tasks do not need it

        cores, before = os.cpu_count() or 1, torch.get_num_threads()
        torch.set_num_threads(min(before, max(1, cores // (cores if self.jobs == -1 else self.jobs))))
        try:
            yield
        finally:
            torch.set_num_threads(before)

    @contextlib.contextmanager
    def _cluster(self, joblib: Any) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            if self.backend == "dask":
                distributed = require("distributed", extra="cluster")  # importing it registers the backend with joblib
                try:
                    distributed.default_client()
                except ValueError:  # nobody made one: the scheduler of $DASK_SCHEDULER_ADDRESS, or a local one
                    stack.enter_context(distributed.Client())
            elif self.backend == "ray":
                require(
                    "ray.util.joblib", extra="cluster"
                ).register_ray()  # connects to $RAY_ADDRESS, or starts its own
            stack.enter_context(joblib.parallel_config(backend=self.backend))
            yield


def _attempt(function: Callable[[Any], Any], number: int, task: Any) -> tuple[int, Any, str | None]:
    try:
        return number, function(task), None
    except MissingDependencyError:  # no fault of the task: it would be the same for all
        raise
    except GeolearnError as error:
        return number, None, str(error)
