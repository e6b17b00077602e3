"""Public guides in two languages, their runnable programs, and the catalogue of error codes."""
