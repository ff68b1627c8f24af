"""Labels: how they are taken, sent from files, and joined with inference records."""
