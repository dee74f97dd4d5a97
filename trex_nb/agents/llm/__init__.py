"""The Researcher that asks a language model (TREX section 3.1): it plans coarse to fine from the memory context, has
its plans checked like anybody's, reads bad cases of the search split, and answers questions about the tree.
"""
