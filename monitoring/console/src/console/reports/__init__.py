"""Reports as charts and tables."""
