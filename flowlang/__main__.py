"""`python -m flowlang` is `flowlang`."""

import sys

from .workbench.cli import main

sys.exit(main())
