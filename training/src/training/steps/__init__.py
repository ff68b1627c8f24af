"""The steps of the pipeline: functions from the results of other steps to a result.

Every step reads its input from blob storage and leaves its output there, so that a step of a
cluster, in a pod of its own, does exactly what the same step does on a laptop.
"""
