"""AWS Lambda on your own machines.

The folders are the architecture: a request meets them in the order that ARCHITECTURE.md draws, and an import may only
point down that order.
"""

__version__ = "0.1.0"
