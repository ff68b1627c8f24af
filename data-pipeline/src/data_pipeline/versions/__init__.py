"""Dataset versions: which rows they get, their files and their manifest."""
