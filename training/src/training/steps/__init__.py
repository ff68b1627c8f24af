"""The steps of the pipeline: functions from the results of other steps to a result.

Every step reads its input from blob storage and leaves its output there, so that a step of a
cluster, in a pod of its own, does exactly what the same step does on a laptop.
"""

STEPS = ("prepare-data", "features", "train", "evaluate", "release", "stage")
OUTSIDE = ("prepare-data", "release", "stage")
"""These read or change what is outside of the run: the source of the data, what production serves,
MLflow, staging. Another run never reuses their results.
"""
ON_RAY = ("prepare-data", "features", "train")
"""These may compute on Ray, so that the process that drives them has to be a node of its cluster.
"""
