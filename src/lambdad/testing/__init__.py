"""Twins for tests, shipped with the product: a virtual clock, an in-memory substrate, a scripted sandbox.

Whoever extends lambdad tests against these; the contract suite shows that they behave like the real things.
"""
