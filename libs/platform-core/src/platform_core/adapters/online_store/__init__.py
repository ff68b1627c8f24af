"""Online feature stores."""
