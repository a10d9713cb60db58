"""AWS Security Token Service: temporary credentials for roles and users, and who somebody is, by the query protocol.

Owns: the API's operations (`service`: `assume`, `identity`), the checks of session tags (`tags`), its words for errors
(`errors`), and, until policies are evaluated, who may assume a role (`trust`).
Refuses: storing sessions; a session is in its token (`lambdad.iam.sessions`).
A request: find the role → may the caller → claims → credentials. Nothing is written.
"""
