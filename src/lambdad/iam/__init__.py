"""Who may do what: IAM's policies and what they decide.

Owns: policy documents, read once into matchers (`policies`, `principals`, `patterns`, `conditions`), the condition keys of a
request (`context`), and the decision over all policies that concern it, with its reason (`evaluate`). All of these are pure.
Flow: text → `policies.parse` → `Policy`; principal and request → `context.keys_of` → `evaluate.decide` → `Decision` →
`evaluate.denial`, AWS's sentence.
Refuses: organisations (service and resource control policies), VPC endpoint policies, access control lists.
"""
