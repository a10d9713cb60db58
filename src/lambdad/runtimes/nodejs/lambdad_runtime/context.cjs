'use strict'
// The second argument of a handler (the third of a streaming one).
// Properties: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html

function parsed (text, name) {
  if (text === undefined || text === '') return undefined
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Error(`Cannot parse ${name} as json: ${error}`)
  }
}

/** The facts of one invocation; `head` is INVOKE's. Throws Error for a client context or an identity that is no JSON. */
function contextOf (head) {
  const environment = process.env
  const deadline = head.deadline_ms
  return {
    functionVersion: environment.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: environment.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: environment.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: environment.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: environment.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parsed(head.client_context, 'ClientContext'),
    identity: parsed(head.cognito_identity, 'CognitoIdentity'),
    invokedFunctionArn: head.arn,
    awsRequestId: head.id,
    tenantId: head.tenant,
    getRemainingTimeInMillis: () => deadline - Date.now()
  }
}

module.exports = { contextOf }
