"""Judges canaries, shadows and stable releases, and requests what the policy allows."""

from release_controller.judging.judge import ACTOR, Judge, PolicyOf

__all__ = ["ACTOR", "Judge", "PolicyOf"]
