//! The DynamoDB client: its credentials, its endpoint, its timeouts and its resends.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::{RetryPartition, TokenBucket};
use aws_sdk_dynamodb::config::{Builder, Credentials, Region, SharedCredentialsProvider};

use super::checksum::Checksum;
use super::endpoint;
pub use super::endpoint::{InvalidEndpoint, host};

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
/// SDK. An empty endpoint variable counts as absent.
///
/// # Errors
///
/// [`InvalidEndpoint`] if an endpoint variable is not a URL.
pub async fn from_env() -> Result<Client, InvalidEndpoint> {
    let endpoint = endpoint::from_env(|name| std::env::var(name).ok())?;
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let mut config = Builder::from(&config);
    // The SDK takes an empty variable for an endpoint.
    if endpoint::VARIABLES.iter().any(|name| std::env::var_os(name).is_some()) {
        config.set_endpoint_url(endpoint);
    }
    Ok(build(config))
}

/// A client with the region and the credentials of the environment, for the DynamoDB at `url`.
pub async fn from_env_at(url: &str) -> Client {
    let config = aws_config::defaults(BehaviorVersion::latest()).endpoint_url(url).load().await;
    build(Builder::from(&config))
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
    build(Builder::from(&config))
}

fn build(config: Builder) -> Client {
    let retries = RetryConfig::standard()
        .with_max_attempts(SENDS)
        .with_initial_backoff(FIRST_BACKOFF)
        .with_max_backoff(LONGEST_BACKOFF);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build();
    // By default, the SDK has an allowance for resends. A burst of failures uses it up, and after
    // that every lost message fails a request. This client needs none: a function handles one
    // request at a time, and a request makes no more than `SENDS` sends of a call, with growing
    // pauses, until its deadline.
    let resends = RetryPartition::custom("session-state").token_bucket(TokenBucket::unlimited());
    let config = config
        .retry_config(retries)
        .retry_partition(resends.build())
        .timeout_config(timeouts)
        .interceptor(Checksum)
        .retry_classifier(Checksum)
        .build();
    Client::from_conf(config)
}
