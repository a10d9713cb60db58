"""AWS protocols, driven by botocore's service models; all pure.

Owns: the models (`models`), requests and answers as values (`messages`), matching of a request to an operation (`match`),
parsing of requests (`parse`), validation with AWS's exact texts (`validate`), answers (`serialise`) and errors (`refusals`),
the event stream encoding (`eventstream`), and the reading of an Authorization header (`signature`).
Protocols: rest-json, json, query, rest-xml.
Refuses: sockets, and meaning: it turns bytes into parameters by their model names, and back.
"""
