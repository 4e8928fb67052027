"""How far two sets of answers differ, and how sure that is."""
