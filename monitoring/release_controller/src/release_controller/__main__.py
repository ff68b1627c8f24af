"""`python -m release_controller`: apply changes of serving states until a signal."""

from platform_core.programs import end_program, refuse_arguments, run_service
from release_controller.bootstrap import run

refuse_arguments(__doc__)
end_program(run_service(run, verbose=["release_controller"]))
