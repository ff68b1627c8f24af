"""`mlplatform drill`: proves that the loop from drift to a better release works, link by link."""
