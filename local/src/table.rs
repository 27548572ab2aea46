//! Finds the table, or creates it as AWS's provider does.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ProvisionedThroughput,
    ScalarAttributeType, TimeToLiveSpecification, TimeToLiveStatus,
};
use session_store::Failure;
use session_store::table::{TableError, describe};

/// How to create a table.
#[derive(Debug, Clone)]
pub struct NewTable {
    /// The name of the table.
    pub name: String,
    /// The name of its hash key.
    pub hash_key: String,
    /// Read and write capacity units. `None`: on-demand capacity.
    pub capacity: Option<(i64, i64)>,
    /// The attribute that DynamoDB's TTL reads. `None`: TTL is off.
    pub ttl_attribute: Option<String>,
}

/// DynamoDB on AWS needs some seconds to create a table.
const ACTIVE_WITHIN: Duration = Duration::from_secs(120);
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Why a table was not found or created.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The table cannot hold sessions.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A call to DynamoDB failed.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The description of a new table is invalid.
    #[error("the table cannot be described: a name or a number is missing")]
    Description,
    /// DynamoDB did not create the table in time.
    #[error("the table was not active within 120 seconds")]
    NotActive,
}

/// Returns the name of the table's hash key. Creates the table if it does not exist. Waits until
/// the table is active, also if another process is creating it.
///
/// # Errors
///
/// If the table cannot hold sessions, or if a call to DynamoDB fails.
pub async fn find_or_create(client: &Client, table: &NewTable) -> Result<String, FindError> {
    let created = match describe(client, &table.name).await {
        Err(TableError::Missing { .. }) => create(client, table).await?,
        _ => false,
    };
    let hash_key = tokio::time::timeout(ACTIVE_WITHIN, active(client, &table.name))
        .await
        .map_err(|_| FindError::NotActive)??;
    if created {
        turn_ttl_on(client, table).await?;
    } else {
        warn_of_ttl(client, table).await?;
    }
    Ok(hash_key)
}

/// Creates the table. Returns `false` if another process has been faster.
async fn create(client: &Client, table: &NewTable) -> Result<bool, FindError> {
    let key = AttributeDefinition::builder()
        .attribute_name(&table.hash_key)
        .attribute_type(ScalarAttributeType::S)
        .build()
        .map_err(|_| FindError::Description)?;
    let schema = KeySchemaElement::builder()
        .attribute_name(&table.hash_key)
        .key_type(KeyType::Hash)
        .build()
        .map_err(|_| FindError::Description)?;
    let request =
        client.create_table().table_name(&table.name).attribute_definitions(key).key_schema(schema);
    let request = match table.capacity {
        None => request.billing_mode(BillingMode::PayPerRequest),
        Some((read, write)) => request.provisioned_throughput(
            ProvisionedThroughput::builder()
                .read_capacity_units(read)
                .write_capacity_units(write)
                .build()
                .map_err(|_| FindError::Description)?,
        ),
    };
    match request.send().await {
        Ok(_) => Ok(true),
        Err(SdkError::ServiceError(refusal)) if refusal.err().is_resource_in_use_exception() => {
            Ok(false)
        }
        Err(error) => Err(Failure::new("CreateTable", &error).into()),
    }
}

/// Waits until the table is active. Returns the name of its hash key.
async fn active(client: &Client, table: &str) -> Result<String, FindError> {
    loop {
        let found = describe(client, table).await?;
        if found.active {
            return Ok(found.hash_key);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

async fn turn_ttl_on(client: &Client, table: &NewTable) -> Result<(), FindError> {
    let Some(attribute) = &table.ttl_attribute else { return Ok(()) };
    let ttl = TimeToLiveSpecification::builder().attribute_name(attribute).enabled(true).build();
    let ttl = ttl.map_err(|_| FindError::Description)?;
    let request = client.update_time_to_live().table_name(&table.name);
    let sent = request.time_to_live_specification(ttl).send().await;
    sent.map(drop).map_err(|error| Failure::new("UpdateTimeToLive", &error).into())
}

/// Warns if an existing table has another TTL attribute, and does not change it: that is up to its
/// owner.
async fn warn_of_ttl(client: &Client, table: &NewTable) -> Result<(), FindError> {
    let Some(wanted) = &table.ttl_attribute else { return Ok(()) };
    let output = client.describe_time_to_live().table_name(&table.name).send().await;
    let output = output.map_err(|error| Failure::new("DescribeTimeToLive", &error))?;
    let ttl = output.time_to_live_description.filter(|ttl| {
        let status = ttl.time_to_live_status();
        matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling))
    });
    let found = ttl.and_then(|ttl| ttl.attribute_name);
    if found.as_ref() != Some(wanted) {
        let found = found.as_deref().unwrap_or("nothing");
        tracing::warn!(wanted, found, "the table's TTL does not use the wanted attribute");
    }
    Ok(())
}
