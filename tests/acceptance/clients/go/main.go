// A function on AWS's own runtime client for Go.
package main

import (
	"context"
	"errors"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Name string `json:"name"`
	Fail bool   `json:"fail"`
}

func handle(ctx context.Context, e event) (map[string]string, error) {
	if e.Fail {
		return nil, errors.New("failed as asked")
	}
	lc, _ := lambdacontext.FromContext(ctx)
	return map[string]string{
		"greeting":   "hello " + e.Name,
		"arn":        lc.InvokedFunctionArn,
		"request_id": lc.AwsRequestID,
	}, nil
}

func main() { lambda.Start(handle) }
