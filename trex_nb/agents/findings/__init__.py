"""What can be wrong with a finished node, one module per source of evidence: the training curve, the answers, the rows,
and the general text. Each gives `Finding`s without suggestions; `agents.diagnosis` puts them together.

Evidence that is measured on a sample has to be two standard errors away from what chance would give (more where many
things are looked at, see `noise`), and large enough to matter; a count of rows has only to be large enough.
"""
