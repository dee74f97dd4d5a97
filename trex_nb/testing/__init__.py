"""Shipped fakes and contract tests, one module per seam: hold your own policy, launcher or Researcher to them."""
