"""`python -m inference_service`: serve the releases of one environment."""

import sys

from inference_service.bootstrap import build
from model_server.program import serve

sys.exit(serve(build))
