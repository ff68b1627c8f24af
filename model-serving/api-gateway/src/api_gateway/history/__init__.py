"""What the platform keeps: pipeline runs, dataset versions, use cases and past reports."""
