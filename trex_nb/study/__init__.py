"""The Study: what a person asks (handle), what should be done (decide), and the one writer that does it (study)."""
