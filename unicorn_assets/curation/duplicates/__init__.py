"""Near-duplicates among texts: signatures, candidates, their verification, and who is kept. Pure, in NumPy."""
