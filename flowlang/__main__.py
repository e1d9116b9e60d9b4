"""`python -m flowlang` is `flowlang`."""

import os
import sys

# Python looks for modules in the current folder first: whatever stands there must not be loaded in place of ours.
# Only `os` and `sys` are needed up to here, and these are loaded already.
if sys.path[:1] in ([""], [os.getcwd()]):  # noqa: PTH109
    del sys.path[0]

from .workbench.cli import main

sys.exit(main())
