"""The search: the tree as a fold of events, policies that pick nodes, the space of edits, and the layout. Pure."""
