"""`python -m geolearn`."""

import sys

from geolearn.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
