"""How fast the pages of the console are over a long history."""
