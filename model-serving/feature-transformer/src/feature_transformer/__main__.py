"""`python -m feature_transformer`: the transformer in front of a V2 server."""

import sys

from feature_transformer.bootstrap import build
from platform_core.programs import exit_code, refuse_arguments

refuse_arguments(__doc__)
sys.exit(exit_code(lambda: build().run()))
