"""PSI and KS of a window of the inference log: the drift detector and its alternatives."""
