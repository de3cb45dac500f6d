"""`python -m messaging`: the command line."""

import sys

from messaging.cli import main

if __name__ == "__main__":
    sys.exit(main())
