"""AWS Identity and Access Management: users, access keys, groups, roles, managed policies, by the query protocol.

Owns: the API's operations (`service`: `users`, `access_keys`, `groups`, `roles`, `policies`, `versions`, `attachments`,
`inline`, `tags`, `account`; users, groups and roles alike: `kinds`), IAM's rules and quotas (`checks`), what permission each
operation needs (`access`), its words for errors (`errors`), how entities are shown (`show`), `pages`.
Identities themselves are in `lambdad.iam`; this is the only room that writes them, all through `ledger`.
Refuses: deciding what an identity may do; sessions, which are STS's.
A request: read the directory → decide → one commit, decided anew if somebody was faster → answer. The region does not matter.
"""
