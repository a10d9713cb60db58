"""AWS protocols, driven by botocore's service models; all pure.

Owns: parsing of requests (`parse`), validation with AWS's exact texts (`validate`), answers and errors (`serialise`),
matching of a path to an operation (`match`), the event stream encoding (`eventstream`), and the reading of an Authorization
header (`signature`). Protocols: rest-json, json, query, rest-xml.
Refuses: sockets, and meaning: it turns bytes into parameters by their model names, and back.
"""
