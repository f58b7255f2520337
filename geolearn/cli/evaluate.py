"""`geolearn evaluate`."""

from dataclasses import dataclass
from pathlib import Path

import tyro

from geolearn.cli.numbers import parse_numbers


@dataclass(frozen=True)
class Evaluate:
    """Test trained weights: class and instance accuracy, per-class table, confusion matrix, retrieval mAP.

    For example:
        geolearn evaluate voxnet-modelnet10 --data modelnet10_voxels --json result.json
        geolearn evaluate runs/voxnet-1 --data modelnet10_voxels --report evaluation/
        geolearn evaluate runs/mvcnn-1 --data modelnet10_views --retrieval --views 1,3,6 --report evaluation/
    """

    weights: tyro.conf.Positional[str]
    """A run folder, a weights file, or the name of weights that ship with geolearn."""
    data: str
    """Name of the dataset."""
    split: str = "test"
    """test, val or train."""
    views: str | None = None
    """Also test a multi-view network with these numbers of views, comma-separated, such as 1,3,6,20."""
    retrieval: bool = False
    """Also learn a metric from the training split, and report the retrieval it gives and precision over recall."""
    json: Path | None = None
    """Write every figure to this file."""
    report: Path | None = None
    """Write report.html, its pictures and result.json into this folder."""

    def run(self) -> int:
        from geolearn.reports.files import write_json
        from geolearn.reports.page import markdown_table
        from geolearn.training.evaluation_page import evaluation_report
        from geolearn.training.experiments import evaluate
        from geolearn.training.view_sheets import view_sheets

        counts = parse_numbers(self.views, "--views") if self.views else []
        report, predictions = evaluate(
            self.weights, self.data, split=self.split, view_counts=counts, retrieval=self.retrieval, progress=True
        )
        if self.json:
            write_json(self.json, report)
        print(f"{report['model']} on {report['data']} ({report['protocol']}), {report['num_samples']} samples")
        print(f"  class accuracy     {report['class_accuracy']:.2f} %")
        print(f"  instance accuracy  {report['instance_accuracy']:.2f} %")
        print(f"  retrieval mAP      {report['retrieval_map']:.2f} %")
        if self.retrieval:
            print(f"  with the metric    {report['retrieval_map_metric']:.2f} %")
        if rest := report.get("without_duplicates"):
            print(
                f"  without the {report['num_samples'] - rest['num_samples']} samples that also occur in training: "
                f"class {rest['class_accuracy']:.2f} %, instance {rest['instance_accuracy']:.2f} %"
            )
        print(markdown_table(report["per_class"]), end="")
        if counts:
            print(markdown_table(report["by_views"]), end="")
        if self.report:
            sheets = view_sheets(self.weights, self.data, predictions, self.report, split=self.split)
            print(f"report: {evaluation_report(report, self.report, sheets)}")
        return 0
