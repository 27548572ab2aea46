//! The DynamoDB client: its credentials, its endpoint, its timeouts and its resends.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Builder, Credentials, Region, SharedCredentialsProvider};

/// If DynamoDB does not accept a connection within this time, more time does not help.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// DynamoDB answers in milliseconds. A call without an answer after this time is lost, and there is
/// still time to send it again within [`crate::WRITE_DEADLINE`].
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

/// The time for all sends of one call together. It is less than [`crate::WRITE_DEADLINE`], and so
/// less than the 29 seconds after which API Gateway stops waiting for a function.
const CALL_TIMEOUT: Duration = Duration::from_secs(9);

/// The most sends of one call: the first one and three resends.
const SENDS: u32 = 4;

// The pauses before a resend are short: a throttled partition usually accepts calls again within a
// second, and a visitor is waiting.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_secs(1);

/// A client with the region, the credentials and the endpoint of the environment, as for every AWS
/// SDK.
pub async fn from_env() -> Client {
    from_config(&aws_config::load_defaults(BehaviorVersion::latest()).await)
}

/// A client with the region and the credentials of the environment, for the DynamoDB at `url`.
pub async fn from_env_at(url: &str) -> Client {
    from_config(&aws_config::defaults(BehaviorVersion::latest()).endpoint_url(url).load().await)
}

/// A client for a DynamoDB at `url` that accepts any credentials, such as one for tests.
pub fn at(url: &str) -> Client {
    let credentials = Credentials::new("local", "local", None, None, "local");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(Region::from_static("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    from_config(&config)
}

fn from_config(config: &SdkConfig) -> Client {
    let retries = RetryConfig::standard()
        .with_max_attempts(SENDS)
        .with_initial_backoff(FIRST_BACKOFF)
        .with_max_backoff(LONGEST_BACKOFF);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build();
    let config = Builder::from(config).retry_config(retries).timeout_config(timeouts).build();
    Client::from_conf(config)
}
