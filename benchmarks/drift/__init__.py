"""PSI and KS of a window of the inference log: ours, and what one would run instead."""
