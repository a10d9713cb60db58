"""AWS Security Token Service: temporary credentials for roles and users, and who somebody is, by the query protocol.

Owns: the API's operations (`service`: `assume`, `identity`), the checks of session tags (`tags`), what permission
each operation needs (`access`) and its words for errors (`errors`).
Refuses: storing sessions; a session is in its token (`lambdad.iam.sessions`).
A request: find the role → may the caller, by the trust policy and its own → claims → credentials. Nothing is written.
"""
