"""`python -m inference_service`: serve the releases of one environment."""

import sys

from inference_service.bootstrap import build
from platform_core.programs import exit_code, refuse_arguments

refuse_arguments(__doc__)
sys.exit(exit_code(lambda: build().run()))
