"""The Kubeflow pipeline, and the ways to run it."""
