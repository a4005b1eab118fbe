"""handful."""
