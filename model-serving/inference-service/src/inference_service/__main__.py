"""`python -m inference_service`: serve the releases of one environment."""

import sys

from feature_transformer.serving.main import serve
from inference_service.bootstrap import build

sys.exit(serve(build))
