"""AWS protocols, driven by botocore's service models; all pure.

Owns: the models (`models`), requests and answers as values (`messages`), matching of a request to an operation (`match`),
parsing of requests (`parse`), validation with AWS's exact texts (`validate`), answers (`serialise`) and errors (`refusals`),
the event stream encoding (`eventstream`), and signatures: who signed (`signature`), whether it holds (`sigv4`, `canonical`),
payloads in signed chunks (`chunks`), and what is said of wrong ones (`signature_refusals`).
Protocols: rest-json, json, query, rest-xml.
Refuses: sockets, and meaning: it turns bytes into parameters by their model names, and back.
"""
