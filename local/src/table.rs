//! The table: found, or made as AWS's provider makes it.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ProvisionedThroughput,
    ScalarAttributeType, TimeToLiveSpecification, TimeToLiveStatus,
};
use session_store::table::{TableError, describe};

/// How a table is made.
#[derive(Debug, Clone)]
pub struct NewTable {
    /// Its name.
    pub name: String,
    /// Its hash key's name.
    pub hash_key: String,
    /// Read and write capacity units; none for on-demand.
    pub capacity: Option<(i64, i64)>,
    /// The attribute by which TTL deletes.
    pub ttl_attribute: Option<String>,
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A real DynamoDB needs some seconds to make a table.
const MADE_WITHIN: Duration = Duration::from_secs(120);
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// The name of the hash key of the table, which is made if it is missing.
///
/// # Errors
///
/// A table of the wrong shape, or a call that failed.
pub async fn find_or_make(client: &Client, table: &NewTable) -> Result<String, BoxError> {
    match describe(client, &table.name).await {
        Err(TableError::Missing { .. }) => {
            make(client, table).await?;
            Ok(describe(client, &table.name).await?.hash_key)
        }
        found => {
            let found = found?;
            warn_of_ttl(client, table).await?;
            Ok(found.hash_key)
        }
    }
}

async fn make(client: &Client, table: &NewTable) -> Result<(), BoxError> {
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
    let made = async {
        while !is_active(client, &table.name).await? {
            tokio::time::sleep(LOOK_AGAIN_AFTER).await;
        }
        Ok::<_, BoxError>(())
    };
    tokio::time::timeout(MADE_WITHIN, made)
        .await
        .map_err(|_| "the table was not made in time")??;
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

/// The TTL of a table that was there already is its owner's to change.
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
        tracing::warn!(wanted, found, "the table's TTL is by another attribute");
    }
    Ok(())
}
