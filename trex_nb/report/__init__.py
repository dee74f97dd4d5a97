"""The report: a tree as text, static HTML, a frozen notebook or one page. Pure: no I/O and no clock."""
