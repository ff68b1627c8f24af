"""Where chunks are scored: in this process, or as tasks on a Ray cluster."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from batch_inference.chunk_scorer import ChunkScorer, Poll, ScoredChunk, ScoringPlan
from batch_inference.source import Chunk


class Executor(Protocol):
    """Scores chunks."""

    def map(self, plan: ScoringPlan, chunks: Iterable[Chunk], poll: Poll) -> Iterator[ScoredChunk]:
        """Yield one result per chunk, in order, with a bounded number of chunks in memory."""
        ...


class LocalExecutor:
    """One chunk after the other in this process: nothing has to be started."""

    def map(self, plan: ScoringPlan, chunks: Iterable[Chunk], poll: Poll) -> Iterator[ScoredChunk]:
        """Yield one result per chunk, in order."""
        scorer = ChunkScorer(plan)
        for chunk in chunks:
            yield scorer.score(chunk, poll)
