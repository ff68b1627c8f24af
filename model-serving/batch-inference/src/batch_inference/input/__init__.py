"""The input of a batch job: which objects and rows, and how they are read."""
