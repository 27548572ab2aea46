//! How long a lock waits: what the header `Prefer` asks for, within the limits of the function.

use std::time::Duration;

use lambda_http::{Request, RequestExt};
use session_store::Timestamp;

use super::header::PREFER;
use super::prefer::preference;
use crate::Error;

/// A wait ends at least this long before Lambda stops the function, to leave time for the answer.
const TIME_TO_ANSWER: Duration = Duration::from_secs(2);

/// How long a lock waits. `None` if the request does not ask to wait. A wait is no longer than the
/// setting allows, and no longer than Lambda lets this function run. In whole seconds, as in
/// `Preference-Applied`.
pub(crate) fn applied_wait(
    request: &Request,
    max_wait: Duration,
    now: Timestamp,
) -> Result<Option<Duration>, Error> {
    let Some(wait) = wait_preference(request)? else { return Ok(None) };
    if wait.is_empty() || !wait.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::invalid(PREFER, "must have a whole number of seconds in wait=N"));
    }
    // Only a number that is too large for `u64` is left.
    let seconds = wait.parse().unwrap_or(u64::MAX);
    let mut wait = Duration::from_secs(seconds).min(max_wait);
    let deadline = request.lambda_context_ref().map_or(0, |context| context.deadline);
    if let Some(stopped) = i64::try_from(deadline).ok().filter(|stopped| *stopped > 0) {
        let stopped = Timestamp::from_millis(stopped).unwrap_or(now);
        wait = wait.min(stopped.since(now).saturating_sub(TIME_TO_ANSWER));
    }
    Ok(Some(Duration::from_secs(wait.as_secs())))
}

/// The value of the preference `wait`, if the request has it.
fn wait_preference(request: &Request) -> Result<Option<String>, Error> {
    let values = request.headers().get_all(PREFER).iter().map(|value| value.to_str());
    let values: Result<Vec<_>, _> = values.collect();
    // Several headers with this name are one list.
    let header = values.map_err(|_| Error::invalid(PREFER, "must be ASCII"))?.join(",");
    preference(&header, "wait").map_err(|_| {
        Error::invalid(PREFER, "must be a list of preferences (RFC 7240), with quotes in pairs")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::Context;
    use lambda_http::http::HeaderValue;

    #[test]
    fn a_wait_leaves_time_to_answer_before_lambda_stops_the_function() {
        let now = Timestamp::from_millis(1_800_000_000_000).unwrap();
        let wait = |deadline| {
            let mut context = Context::default();
            context.deadline = deadline;
            let mut request = Request::default().with_lambda_context(context);
            request.headers_mut().insert(PREFER, HeaderValue::from_static("wait=10"));
            applied_wait(&request, Duration::from_secs(20), now).unwrap().unwrap().as_secs()
        };

        // Without Lambda there is no deadline.
        assert_eq!(wait(0), 10);
        assert_eq!(wait(1_800_000_005_900), 3);
        assert_eq!(wait(1_800_000_001_000), 0);
    }
}
