//! A failed call to DynamoDB, in our own words.

use std::fmt;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// A failed call to DynamoDB: which call, why, and the code of DynamoDB's error.
///
/// It contains no text of the SDK or of DynamoDB: such texts can quote a request, and with it a
/// session id and session items. So a failure can be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// What failed: DynamoDB's name of the call.
    pub operation: &'static str,
    /// Why it failed.
    pub cause: FailureCause,
    /// The code of DynamoDB's error, if it is a known one.
    pub code: Option<&'static str>,
}

/// Why a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FailureCause {
    /// The SDK could not make the request.
    #[error("the request could not be made")]
    NotSent,
    /// There was no connection, it broke, or there was no region, no valid endpoint or no
    /// credentials.
    #[error("DynamoDB could not be reached, or there is no region, endpoint or credentials")]
    Unreachable,
    /// There was no answer in time.
    #[error("DynamoDB did not answer in time")]
    TimedOut,
    /// An answer came, and it is damaged, incomplete, or not an answer of DynamoDB.
    #[error("the answer is damaged, or does not come from DynamoDB")]
    BadAnswer,
    /// The table, the partition or the account is overloaded.
    #[error("DynamoDB throttled the request")]
    Throttled,
    /// DynamoDB will not accept this request: access is denied, the table does not exist or has
    /// another key, or the request is not valid.
    #[error("DynamoDB rejected the request")]
    Rejected,
    /// The item would exceed DynamoDB's size limit.
    #[error("the item would be larger than DynamoDB allows")]
    ItemTooLarge,
    /// DynamoDB had a fault of its own.
    #[error("DynamoDB had a fault")]
    Fault,
}

/// The codes of an overloaded table, partition or account.
/// Source: the DynamoDB developer guide, "Error handling with DynamoDB".
const THROTTLES: [&str; 5] = [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "ThrottledException",
    "KMSThrottlingException",
];

/// The codes of requests that fail in the same way when they are sent again. Same source.
const REJECTIONS: [&str; 15] = [
    "AccessDeniedException",
    "ResourceNotFoundException",
    "ValidationException",
    "UnrecognizedClientException",
    "MissingAuthenticationTokenException",
    "MissingAuthenticationToken",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "InvalidClientTokenId",
    "SerializationException",
    "UnknownOperationException",
    "KMSAccessDeniedException",
    "KMSDisabledException",
    "KMSInvalidStateException",
    "KMSNotFoundException",
];

/// More codes that the log may show.
const OTHERS: [&str; 9] = [
    "ConditionalCheckFailedException",
    "ExpiredTokenException",
    "InternalServerError",
    "InternalServerErrorException",
    "ItemCollectionSizeLimitExceededException",
    "LimitExceededException",
    "ReplicatedWriteConflictException",
    "ResourceInUseException",
    "ServiceUnavailable",
];

/// The code, if it is a known one. Any other text could be anything.
fn known(code: &str) -> Option<&'static str> {
    THROTTLES.iter().chain(&REJECTIONS).chain(&OTHERS).copied().find(|known| *known == code)
}

impl Failure {
    /// The failure of a call that the SDK reports as `error`.
    pub fn new<E>(operation: &'static str, error: &SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata,
    {
        let any_code = error.as_service_error().and_then(E::code);
        let code = any_code.and_then(known);
        let cause = match error {
            SdkError::ConstructionFailure(_) => FailureCause::NotSent,
            SdkError::TimeoutError(_) => FailureCause::TimedOut,
            SdkError::DispatchFailure(failure) if failure.is_timeout() => FailureCause::TimedOut,
            SdkError::DispatchFailure(_) => FailureCause::Unreachable,
            SdkError::ServiceError(refusal) => {
                // An error without a code comes from something in front of DynamoDB.
                let is_other = any_code.is_none() && !refusal.raw().status().is_server_error();
                match is_other {
                    true => FailureCause::BadAnswer,
                    false => Self::cause_of(code, refusal.err().message()),
                }
            }
            _ => FailureCause::BadAnswer,
        };
        Self { operation, cause, code }
    }

    /// A call that DynamoDB has answered, but not as DynamoDB does.
    pub(crate) fn bad_answer(operation: &'static str) -> Self {
        Self { operation, cause: FailureCause::BadAnswer, code: None }
    }

    /// The cause of an error of DynamoDB.
    fn cause_of(code: Option<&str>, message: Option<&str>) -> FailureCause {
        let code = code.unwrap_or_default();
        // DynamoDB has no code of its own for an item that is too large, only the message.
        let too_large = code == "ValidationException"
            && message.is_some_and(|message| message.starts_with("Item size"));
        match code {
            _ if too_large => FailureCause::ItemTooLarge,
            code if THROTTLES.contains(&code) => FailureCause::Throttled,
            code if REJECTIONS.contains(&code) => FailureCause::Rejected,
            _ => FailureCause::Fault,
        }
    }

    /// Whether the same request would fail in the same way if it were sent again.
    pub fn is_permanent(&self) -> bool {
        use FailureCause::{ItemTooLarge, NotSent, Rejected};
        matches!(self.cause, NotSent | Rejected | ItemTooLarge)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {}", self.operation, self.cause)?;
        match self.code {
            Some(code) => write!(f, " ({code})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}
