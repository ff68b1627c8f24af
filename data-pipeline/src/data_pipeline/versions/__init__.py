"""Dataset versions: freezing, splitting, files, manifest."""
