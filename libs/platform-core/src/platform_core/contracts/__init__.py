"""What programs write for one another to read: frozen models with a stable spelling."""
