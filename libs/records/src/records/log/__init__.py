"""Records and labels on their way to the blob store: appended, sealed, uploaded."""
