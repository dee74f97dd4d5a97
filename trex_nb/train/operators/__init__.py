"""The operators of a DataRecipe, carried out on memory-mapped rows.

Rows stand in an Arrow file; an operator answers with row numbers (sorted, a number twice where a row is resampled), so
a million rows cost a few numpy arrays and never a million objects. `carry` walks a recipe, `rows` reads and batches,
`summary` tells what was done, and each other module holds operators of one kind.
"""
