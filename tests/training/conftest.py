"""The folder of these tests is importable from its sub-folders and from child processes."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
