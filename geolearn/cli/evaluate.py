"""`geolearn evaluate`."""

from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True)
class Evaluate:
    """Test trained weights: class and instance accuracy, per-class table, confusion matrix, retrieval mAP.

    For example:
        geolearn evaluate voxnet-modelnet10 --data modelnet10_voxels --json result.json
        geolearn evaluate runs/voxnet-1 --data modelnet10_voxels --report evaluation/
    """

    weights: tyro.conf.Positional[str]
    """A run folder, a weights file, or the name of weights that ship with geolearn."""
    data: str
    """Name of the dataset."""
    split: str = "test"
    """test, val or train."""
    json: Path | None = None
    """Write every figure to this file."""
    report: Path | None = None
    """Write report.html, confusion.png and result.json into this folder."""

    def run(self) -> int:
        from geolearn.training.experiments import evaluate
        from geolearn.training.files import write_json
        from geolearn.training.report import evaluation_report, markdown_table

        report, _ = evaluate(self.weights, self.data, split=self.split, progress=True)
        print(f"{report['model']} on {report['data']} ({report['protocol']}), {report['num_samples']} samples")
        print(f"  class accuracy     {report['class_accuracy']:.2f} %")
        print(f"  instance accuracy  {report['instance_accuracy']:.2f} %")
        print(f"  retrieval mAP      {report['retrieval_map']:.2f} %")
        if rest := report.get("without_duplicates"):
            print(
                f"  without the {report['num_samples'] - rest['num_samples']} samples that also occur in training: "
                f"class {rest['class_accuracy']:.2f} %, instance {rest['instance_accuracy']:.2f} %"
            )
        print(markdown_table(report["per_class"]), end="")
        if self.json:
            write_json(self.json, report)
        if self.report:
            print(f"report: {evaluation_report(report, self.report)}")
        return 0
