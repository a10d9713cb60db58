"""The nouns: who calls, which function, what is stored of it, what may be asked of it, and what can go wrong.

Owns: names and ARNs (`arns`), the caller (`caller`), stored records (`functions`, `layers`), runtimes that AWS knows
(`runtimes`), limits with their sources (`limits`), and errors sorted by who is at fault (`errors`).
Refuses: I/O, clocks, randomness, event loops. Everything here is a value or a plain function of values.
"""
