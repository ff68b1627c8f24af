"""What moved an answer: the same release, asked again without each part of the record."""
