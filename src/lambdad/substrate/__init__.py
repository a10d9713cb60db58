"""The floor: durable state behind four doors, with interchangeable engines.

Owns: key-value with revisions and watch (`KeyValue`), immutable blobs (`Blobs`), time-ordered records (`Timeline`),
queues of messages with leases (`Queues`; what of a queue is in memory is decided by `window`, which is pure).
Engines: `local` (SQLite in WAL mode and plain files, one writer thread with group commit); the in-memory twin is
`lambdad.testing.substrate`. The contract suite in tests/contract runs on every engine.
Refuses: meaning. Keys are strings, values are bytes; what they say is the business of the rooms above.
What was answered is durable: a method that writes returns after the commit, and writers that arrive together share one.
"""
