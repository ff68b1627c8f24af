"""The search for the best model: trials, folds, fits on Ray, thresholds."""
