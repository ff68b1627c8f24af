"""What the platform keeps: pipeline runs, dataset versions, batch jobs and their files."""
