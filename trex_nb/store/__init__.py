"""Where a study lives: the event log (SQLite or memory) and every path of a study's folder."""
