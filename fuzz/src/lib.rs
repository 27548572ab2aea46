//! The service over a DynamoDB in this process, without a network. A fuzz target chooses the
//! answers of this DynamoDB.

mod contract;
mod dynamodb;

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Config, Credentials, Region, StalledStreamProtectionConfig,
};
use aws_sdk_dynamodb::types::AttributeValue;
use functions::App;
use session_store::{SessionStore, SessionTimeout, Settings, Ttl};

pub use contract::Contract;
pub use dynamodb::{DynamoDb, Writes};

/// The service of a fuzz target, created once.
pub struct Service {
    /// The service.
    pub app: App,
    /// The DynamoDB of the service.
    pub dynamodb: DynamoDb,
    /// The statuses that the service may answer.
    pub contract: Contract,
    client: Client,
    runtime: tokio::runtime::Runtime,
}

impl Default for Service {
    fn default() -> Self {
        let dynamodb = DynamoDb::default();
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("fuzz", "fuzz", None, None, "fuzz"))
            .endpoint_url("http://dynamodb")
            .http_client(dynamodb.clone())
            // A retry would get the same answer.
            .retry_config(RetryConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        let settings = Settings {
            table: "T".to_owned(),
            hash_key: "SessionId".to_owned(),
            ttl: Some(Ttl { attribute: "ExpTTL".to_owned(), extra: Duration::ZERO }),
            session_timeout: SessionTimeout::default(),
        };
        let client = Client::from_conf(config);
        let sessions = SessionStore::new(client.clone(), settings);
        // Waiting is useless, because the item does not change.
        let app = App { max_wait: Duration::ZERO, ..App::new(sessions) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.expect("a current-thread runtime can be built");
        Self { app, dynamodb, contract: Contract::read(), client, runtime }
    }
}

impl Service {
    /// Runs a future of the service to its end.
    pub fn run<T>(&self, answer: impl Future<Output = T>) -> T {
        self.runtime.block_on(answer)
    }

    /// Whether the SDK can parse the bytes that DynamoDB answers as an item.
    pub fn can_read(&self) -> bool {
        let key = AttributeValue::S("s1".to_owned());
        let request = self.client.get_item().table_name("T").key("SessionId", key);
        self.run(request.send()).is_ok()
    }
}
