"""What a prediction costs: the whole governed path beside what one would run instead."""
