"""Limits of AWS Lambda, each with its source. Sizes in bytes, times in seconds.

Source unless said otherwise: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

MIB = 1024 * 1024

ZIP_UPLOAD = 52_428_800
"""A zip in the request itself."""
REQUEST_BODY = 70_167_211
"""A control-plane request that brings code; the text of the 413 names this number."""
OTHER_REQUEST_BODY = 8 * MIB
"""Any other; ours. The largest of AWS's clients is PutLogEvents: 1 MiB of text, each character `\\u0001` in JSON at worst."""
UNZIPPED = 262_144_000
"""Code and layers of one function, unpacked."""
CODE_STORAGE = 300 * 1024 * MIB
"""All code of one account and region."""
ENVIRONMENT = 4096
"""Keys and values of the environment variables, as JSON text."""
LAYERS = 5
TAGS = 50
FILTERS = 5
"""Of one event source mapping."""
RESOURCE_POLICY = 20_480

SYNC_PAYLOAD = 6_291_456
RESPONSE_PAYLOAD = 6_291_556
"""100 bytes more than a request may have; the text of the error names this number."""
EVENT_PAYLOAD = 1_048_576
STREAMED_RESPONSE = 200 * MIB
CLIENT_CONTEXT = 3583
"""Base64 text; https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""
LOG_TAIL = 4096

EPHEMERAL_STORAGE = 512
"""MB of /tmp, unless a function asks for more."""
RESTORE_TIMEOUT = 10.0
"""Seconds of the RESTORE phase. https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks.html"""
INIT_TIMEOUT = 10.0
"""On demand; https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""
MEMORY_PER_CORE = 1769
"""MB of memory that come with one core; https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""
PROCESSES = 1024
"""And threads, of one environment."""

CONCURRENCY = 1000
"""Of one account and region."""
UNRESERVED_CONCURRENCY = 100
"""What must stay unreserved."""
REQUESTS_PER_CONCURRENCY = 10
"""Synchronous requests per second on demand for each unit of concurrency;
https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html"""
SCALING_RATE = 1000
"""Environments that one function may gain in ten seconds; https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html"""
SCALING_PERIOD = 10.0
