"""What differs between a laptop and a cluster, as interfaces."""
