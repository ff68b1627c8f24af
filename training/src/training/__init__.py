"""The Kubeflow pipeline and the training tasks on Ray."""
