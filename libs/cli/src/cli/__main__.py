"""`python -m cli`: the same as `mlplatform`."""

import sys

from cli.main import main

sys.exit(main())
