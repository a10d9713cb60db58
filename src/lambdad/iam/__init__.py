"""Who there is, and who may do what: identities and sessions; policies and what they decide.

Owns: what an identity is (`entities`, `ids`, `arns`), all of them in memory, kept current by a watch (`directory`), the only
writer (`write`, which only `services.iam` may import), policies of AWS (`managed`), sessions that nobody stores (`sessions`);
policy documents, read once into matchers (`policies`, `principals`, `patterns`, `conditions`), where their statements stand
(`positions`), the condition keys of a request (`context`), and the decision over all policies that concern it, with its reason
(`evaluate`).
Flow: `services.iam` → `write` → substrate key-value → watch → directory. Text → `policies.parse` → `Policy`; principal and
request → `context.keys_of` → `evaluate.decide` → `Decision` → `evaluate.denial`, AWS's sentence.
Refuses: the APIs of IAM and STS, which are services; organisations (service and resource control policies), VPC endpoint
policies, access control lists.
"""
