"""`python -m feature_transformer`: the transformer in front of a V2 server."""

import sys

from feature_transformer.bootstrap import build
from model_server.program import serve

sys.exit(serve(build))
