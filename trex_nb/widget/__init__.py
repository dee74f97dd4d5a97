"""The tree explorer: a live view of a study in the notebook, and the way a click becomes a command."""
