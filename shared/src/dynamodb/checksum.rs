//! Checks the answers of DynamoDB against their checksum. A damaged answer to a write would
//! otherwise be read as another answer, and the AWS SDK for Rust does not check it.

use aws_sdk_dynamodb::config::interceptors::{
    AfterDeserializationInterceptorContextRef, InterceptorContext,
};
use aws_sdk_dynamodb::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;

/// The CRC-32 of the body, in decimal. Some DynamoDBs for tests do not send it.
/// Source: the DynamoDB developer guide, "DynamoDB low-level API".
const CHECKSUM: &str = "x-amz-crc32";

/// Refuses an answer whose body does not have the checksum in its header, and has the SDK send the
/// request again.
#[derive(Debug)]
pub(super) struct Checksum;

impl Intercept for Checksum {
    fn name(&self) -> &'static str {
        "Checksum"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let checksum = response.headers().get(CHECKSUM);
        let body = response.body().bytes().unwrap_or_default();
        match checksum {
            Some(checksum) if checksum.parse() != Ok(crc32fast::hash(body)) => {
                Err("the answer does not have its checksum".into())
            }
            _ => Ok(()),
        }
    }
}

impl ClassifyRetry for Checksum {
    fn name(&self) -> &'static str {
        "Checksum"
    }

    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.output_or_error() {
            // This client has no other interceptor that fails.
            Some(Err(error)) if error.is_interceptor_error() => RetryAction::transient_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }
}
