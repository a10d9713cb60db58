//! A function on AWS's own runtime client for Rust.
use lambda_runtime::{run, service_fn, Error, LambdaEvent};
use serde_json::{json, Value};

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (event, context) = event.into_parts();
    if event["fail"] == Value::Bool(true) {
        return Err("failed as asked".into());
    }
    Ok(json!({
        "greeting": format!("hello {}", event["name"].as_str().unwrap_or("")),
        "arn": context.invoked_function_arn,
        "request_id": context.request_id,
    }))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(handle)).await
}
