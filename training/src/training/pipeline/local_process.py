"""`python -m training.pipeline.local_process FOLDER`: run the pipeline here with the arguments in
FOLDER. A process of its own, because KFP prints and configures logging as it likes.
"""

import json
import sys
import warnings
from pathlib import Path

from kfp import local

from training.pipeline.definition import pipeline
from training.settings import TrainingSettings


def main(root: Path) -> None:
    """Run the pipeline with KFP's SubprocessRunner; raises when a step failed."""
    # The steps run in this environment, not in the image a cluster would take.
    warnings.filterwarnings("ignore", "You may be attemping to run a task", RuntimeWarning)
    local.init(
        runner=local.SubprocessRunner(use_venv=False),
        pipeline_root=str(root / "artifacts"),
        workspace_root=str(root / "workspace"),
    )
    pipeline(TrainingSettings().training_image)(**json.loads((root / "arguments.json").read_text()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
