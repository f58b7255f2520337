"""`geolearn evaluate`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from geolearn.cli.folder_flags import FolderFlags
from geolearn.cli.numbers import parse_numbers
from geolearn.cli.output import say
from geolearn.cli.typed_names import check_data, check_weights


@dataclass(frozen=True)
class Evaluate:
    """Test trained weights: the figures of their method; for classifiers accuracies, per-class table and retrieval.

    For example:
        geolearn evaluate voxnet-modelnet10 --data modelnet10_voxels --json result.json
        geolearn evaluate runs/voxnet-1 --data modelnet10_voxels --report evaluation/
        geolearn evaluate runs/mvcnn-1 --data modelnet10_views --retrieval --views 1,3,6 --report evaluation/
    """

    weights: tyro.conf.Positional[str]
    """A run folder, a weights file, or the name of weights that ship with geolearn."""
    data: str
    """Name of the dataset, or the path of your own, as for `geolearn train`."""
    folder: FolderFlags = FolderFlags()  # noqa: RUF009 (frozen)
    split: Literal["test", "val", "train", "trainval"] = "test"
    """test, val, train or trainval (both); val and train as they were divided when the weights were trained."""
    protocol: str | None = None
    """Which of the dataset's protocols; default: that of the training."""
    views: str | None = None
    """Also test a multi-view network with these numbers of views, comma-separated, such as 1,3,6,20."""
    retrieval: bool = False
    """Also learn a metric from the training split, and report the retrieval it gives and precision over recall."""
    json: Path | None = None
    """Write every figure to this file."""
    report: Path | None = None
    """Write report.html, its pictures and result.json into this folder."""
    use: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Import a module that registers models, methods or recipes of your own."""

    def run(self) -> int:
        options: dict[str, Any] = {}
        if self.views:
            options["view_counts"] = parse_numbers(self.views, "--views")
        if self.retrieval:
            options["retrieval"] = True
        check_weights(self.weights)
        check_data(self.data)
        from geolearn.cli.modules import import_modules
        from geolearn.reports.files import write_json
        from geolearn.reports.page import markdown_table
        from geolearn.training.evaluation_page import figure_rows
        from geolearn.training.testing import evaluate

        import_modules(self.use)
        tested = evaluate(
            self.weights,
            self.data,
            split=self.split,
            protocol=self.protocol,
            reading=self.folder.reading(),
            progress=True,
            **options,
        )
        record = tested.record
        if self.json:
            write_json(self.json, record)
        say(f"{record['model']} on {record['data']} ({record['protocol']}), {record['num_samples']} samples")
        for warning in tested.warnings:
            say(f"warning: {warning}")
        print(markdown_table(figure_rows(tested.trained.method.figures, tested.outcome.figures)), end="")
        for rows in tested.outcome.tables.values():
            print("\n" + markdown_table(rows), end="")
        if self.report:
            say(f"report: {tested.write_report(self.report)}")
        return 0
