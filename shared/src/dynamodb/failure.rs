//! Failed calls to DynamoDB, and their causes.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use super::SessionStore;
use crate::error::{Error, ItemTooLarge, Rejected, Throttled};

/// The codes of an overloaded table, partition or account.
/// Source: the DynamoDB developer guide, "Error handling with DynamoDB".
const THROTTLES: [&str; 3] =
    ["ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"];

/// The codes of requests that fail in the same way when they are sent again: access denied, no such
/// table, an invalid request.
const REJECTIONS: [&str; 3] =
    ["AccessDeniedException", "ResourceNotFoundException", "ValidationException"];

impl SessionStore {
    /// The error for a failed call. Also meters the call.
    pub(crate) fn failed<E>(&self, operation: &'static str, error: SdkError<E>) -> Error
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        self.meter.failed();
        let code = error.code().unwrap_or_default();
        // DynamoDB has no code of its own for an item that is too large, only the message.
        let too_large = code == "ValidationException"
            && error.message().is_some_and(|message| message.starts_with("Item size"));
        let throttled = THROTTLES.contains(&code);
        let rejected = REJECTIONS.contains(&code);
        let source: crate::error::BoxError = match error {
            error if too_large => Box::new(ItemTooLarge(Box::new(error))),
            error if throttled => Box::new(Throttled(Box::new(error))),
            error if rejected => Box::new(Rejected(Box::new(error))),
            error => Box::new(error),
        };
        Error::DynamoDb { operation, source }
    }
}
