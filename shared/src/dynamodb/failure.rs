//! Failed calls to DynamoDB, metered.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::ConsumedCapacity;

use super::SessionStore;
use crate::error::{Error, Failure};

impl SessionStore {
    /// The error for a failed call. Also meters the call.
    pub(crate) fn failed<E: ProvideErrorMetadata>(
        &self,
        operation: &'static str,
        error: &SdkError<E>,
    ) -> Error {
        self.meter.failed();
        Failure::new(operation, error).into()
    }

    /// The consumed capacity in an answer. Every call asks for it, so an answer without it is not
    /// an answer of DynamoDB: an empty `200` of something in between would otherwise read as "no
    /// such session".
    ///
    /// # Errors
    ///
    /// A failure, which is metered.
    pub(crate) fn consumed<'a>(
        &self,
        operation: &'static str,
        capacity: Option<&'a ConsumedCapacity>,
    ) -> Result<&'a ConsumedCapacity, Error> {
        capacity.ok_or_else(|| {
            self.meter.failed();
            Failure::bad_answer(operation).into()
        })
    }
}
