"""Judges canaries, shadows and stable releases, and requests what the policy allows."""

from release_controller.judging.judge import Judge, PolicyOf

__all__ = ["Judge", "PolicyOf"]
