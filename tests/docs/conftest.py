"""The scripts beside the pages are no package: tests import them as `docs/conf.py` does."""

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
sys.path.insert(0, str(DOCS))
