"""`python -m release_controller`: apply changes of serving states until a signal."""

import sys

from platform_core.programs import refuse_arguments, run_service
from release_controller.bootstrap import run

refuse_arguments(__doc__)
sys.exit(run_service(run, verbose=["release_controller"]))
