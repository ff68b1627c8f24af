"""The laptop stack: supervises the programs the cluster runs."""
