"""`python -m inference_service`: serve the releases of one environment."""

import sys

from inference_service.standby import wait_for_pointer

wait_for_pointer()

# Imported when there is something to serve.
from inference_service.bootstrap import build  # noqa: E402
from platform_core.programs import exit_code, refuse_arguments  # noqa: E402

refuse_arguments(__doc__)
sys.exit(exit_code(lambda: build().run()))
