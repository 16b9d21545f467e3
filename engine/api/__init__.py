"""HTTP for other systems: events in, questions about cases, health, metrics."""
