//! The DynamoDB client: who we are, where DynamoDB is, how long we wait and how often we try.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Builder, Credentials, Region, SharedCredentialsProvider};

/// A DynamoDB that does not let us connect within this is not going to.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// DynamoDB answers in milliseconds; a call that takes this long is lost, and there is time to send
/// it again within [`crate::WRITE_DEADLINE`].
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

/// All sends of one call together: less than [`crate::WRITE_DEADLINE`], and so less than the 29
/// seconds after which API Gateway stops waiting for a function.
const CALL_TIMEOUT: Duration = Duration::from_secs(9);

/// One send and three resends.
const SENDS: u32 = 4;

/// A throttled partition is usually free again within a second, and a visitor is waiting.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_secs(1);

/// The client of this environment: region, credentials and endpoint as for every AWS SDK.
pub async fn from_env() -> Client {
    from_config(&aws_config::load_defaults(BehaviorVersion::latest()).await)
}

/// The client of this environment, for the DynamoDB at `url`.
pub async fn from_env_at(url: &str) -> Client {
    from_config(&aws_config::defaults(BehaviorVersion::latest()).endpoint_url(url).load().await)
}

/// The client of a DynamoDB at `url` that takes any credentials, as those for tests do.
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
