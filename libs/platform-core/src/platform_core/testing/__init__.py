"""For tests of every package: real servers as fixtures, and one contract suite per port."""
