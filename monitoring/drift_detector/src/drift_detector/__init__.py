"""PSI and KS of live traffic against a release's baseline."""
