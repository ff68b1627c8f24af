"""Executors, which score chunks: in this process, or as tasks on a Ray cluster."""

from collections.abc import Generator, Iterable
from typing import Protocol

from batch_inference.chunk_scorer import ChunkScorer, Poll, ScoredChunk, ScoringPlan
from batch_inference.input.reader import Chunk


class Executor(Protocol):
    """Scores chunks."""

    def map(self, plan: ScoringPlan, chunks: Iterable[Chunk], poll: Poll) -> Generator[ScoredChunk]:
        """Yield one result per chunk, in order, with a bounded number of chunks in memory."""
        ...


class LocalExecutor:
    """Scores one chunk after the other in this process, which needs no start-up time."""

    def map(self, plan: ScoringPlan, chunks: Iterable[Chunk], poll: Poll) -> Generator[ScoredChunk]:
        """Yield one result per chunk, in order."""
        scorer = ChunkScorer(plan)
        for chunk in chunks:
            yield scorer.score(chunk, poll)
