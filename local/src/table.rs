//! Finds the table, or creates it as AWS's provider does.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ProvisionedThroughput,
    ScalarAttributeType, TimeToLiveSpecification, TimeToLiveStatus,
};
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

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// DynamoDB on AWS needs some seconds to create a table.
const ACTIVE_WITHIN: Duration = Duration::from_secs(120);
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Returns the name of the table's hash key. Creates the table if it does not exist.
///
/// # Errors
///
/// If the table cannot hold sessions, or if a call to DynamoDB fails.
pub async fn find_or_create(client: &Client, table: &NewTable) -> Result<String, BoxError> {
    match describe(client, &table.name).await {
        Err(TableError::Missing { .. }) => {
            create(client, table).await?;
            Ok(describe(client, &table.name).await?.hash_key)
        }
        found => {
            let found = found?;
            warn_of_ttl(client, table).await?;
            Ok(found.hash_key)
        }
    }
}

async fn create(client: &Client, table: &NewTable) -> Result<(), BoxError> {
    let key = AttributeDefinition::builder()
        .attribute_name(&table.hash_key)
        .attribute_type(ScalarAttributeType::S)
        .build()?;
    let schema = KeySchemaElement::builder()
        .attribute_name(&table.hash_key)
        .key_type(KeyType::Hash)
        .build()?;
    let request =
        client.create_table().table_name(&table.name).attribute_definitions(key).key_schema(schema);
    let request = match table.capacity {
        None => request.billing_mode(BillingMode::PayPerRequest),
        Some((read, write)) => request.provisioned_throughput(
            ProvisionedThroughput::builder()
                .read_capacity_units(read)
                .write_capacity_units(write)
                .build()?,
        ),
    };
    request.send().await?;
    let active = async {
        while !is_active(client, &table.name).await? {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Ok::<_, BoxError>(())
    };
    tokio::time::timeout(ACTIVE_WITHIN, active)
        .await
        .map_err(|_| "the table was not active within 120 seconds")??;
    if let Some(attribute) = &table.ttl_attribute {
        let ttl =
            TimeToLiveSpecification::builder().attribute_name(attribute).enabled(true).build()?;
        let request = client.update_time_to_live().table_name(&table.name);
        request.time_to_live_specification(ttl).send().await?;
    }
    Ok(())
}

async fn is_active(client: &Client, table: &str) -> Result<bool, BoxError> {
    let output = client.describe_table().table_name(table).send().await?;
    let status = output.table.and_then(|table| table.table_status);
    Ok(status == Some(aws_sdk_dynamodb::types::TableStatus::Active))
}

/// Warns if an existing table has another TTL attribute, and does not change it: that is up to its
/// owner.
async fn warn_of_ttl(client: &Client, table: &NewTable) -> Result<(), BoxError> {
    let Some(wanted) = &table.ttl_attribute else { return Ok(()) };
    let output = client.describe_time_to_live().table_name(&table.name).send().await?;
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
