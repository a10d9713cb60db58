"""The services of AWS that lambdad does not have itself, answered by moto (extra `companions`) behind lambdad's own edge.

Owns: moto's process (`program` is what runs in it, `process` starts and watches it), the connections to it (`connection`,
`service`), what is sent there (`forward`: the caller's account and region, and nothing by which moto could read a request
otherwise than lambdad has), which services those are (`backends`), and what their operations need to be allowed (`access`,
`actions`, and `dynamodb`, `s3`, `resources` for the ARNs).
Refuses: keeping anything; what is in the process is lost when it ends. Reaching across accounts.
A request: the edge has authenticated it → needs → the process is started, if it is the first → forwarded → its answer.
"""
