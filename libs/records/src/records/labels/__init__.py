"""Labels: taking them in, sending files of them, and joining them with inference records."""
