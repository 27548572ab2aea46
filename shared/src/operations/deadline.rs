//! The deadline of a request: how long its operation may call DynamoDB.

use std::time::Duration;

use crate::dynamodb::SessionStore;
use crate::error::{Error, Failure, FailureCause};
use crate::values::{RequestTime, WRITE_DEADLINE};

impl SessionStore {
    /// Runs `operation` while the request may still write. `wait` extends the deadline of a request
    /// that asked to wait.
    ///
    /// # Errors
    ///
    /// [`Error::TooLate`] if the deadline has passed before the operation starts; a failure if it
    /// passes before the operation ends.
    pub(crate) async fn before_deadline<T>(
        &self,
        time: RequestTime,
        wait: Duration,
        operation: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let deadline = WRITE_DEADLINE + wait;
        let left = (time.received + deadline).since(time.now).min(deadline);
        if left.is_zero() {
            return Err(Error::TooLate);
        }
        // Dropping the operation also stops the SDK's resends.
        match tokio::time::timeout(left, operation).await {
            Ok(result) => result,
            Err(_) => Err(Error::DynamoDb(Failure {
                operation: "request",
                cause: FailureCause::TimedOut,
                code: None,
            })),
        }
    }
}
