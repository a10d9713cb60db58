"""Identities: users, their access keys, groups, roles, managed policies; and temporary credentials.

Owns: what an identity is (`entities`, `ids`, `arns`), all of them in memory, kept current by a watch (`directory`), the only
writer (`write`, which only `services.iam` may import), AWS's own policies (`managed`), sessions that nobody stores
(`sessions`).
Refuses: the APIs of IAM and STS, which are services.
Flow: `services.iam` → `write` → substrate key-value → watch → directory → whoever asks what an identity may do.
"""
