//! The table: whether it can hold sessions, and the name of its hash key.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::describe_table::DescribeTableError;
use aws_sdk_dynamodb::types::{KeyType, ScalarAttributeType, TableDescription};

use crate::error::BoxError;

/// Why a table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The table does not exist.
    #[error("table {table} does not exist")]
    Missing {
        /// The table's name.
        table: String,
    },
    /// The table cannot hold sessions.
    #[error("table {table} cannot hold sessions: {reason}")]
    WrongShape {
        /// The table's name.
        table: String,
        /// What is wrong with the table.
        reason: &'static str,
    },
    /// The call to DynamoDB failed.
    #[error("cannot describe table {table}")]
    Failed {
        /// The table's name.
        table: String,
        /// The cause.
        source: BoxError,
    },
}

/// A table that can hold sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The name of its hash key.
    pub hash_key: String,
    /// How many items the table had when DynamoDB last counted them, about every six hours.
    pub items: u64,
}

/// Describes the table, and checks that it can hold sessions.
///
/// This also opens the connection to DynamoDB. A function does so before its first visitor comes.
///
/// # Errors
///
/// [`TableError`].
pub async fn describe(client: &Client, table: &str) -> Result<Table, TableError> {
    let answer = client.describe_table().table_name(table).send().await;
    let table = table.to_owned();
    match answer {
        Ok(output) => {
            let description = output.table.unwrap_or_else(|| TableDescription::builder().build());
            let items = description.item_count.and_then(|items| u64::try_from(items).ok());
            match hash_key(&description) {
                Ok(hash_key) => Ok(Table { hash_key, items: items.unwrap_or(0) }),
                Err(reason) => Err(TableError::WrongShape { table, reason }),
            }
        }
        Err(SdkError::ServiceError(error))
            if matches!(error.err(), DescribeTableError::ResourceNotFoundException(_)) =>
        {
            Err(TableError::Missing { table })
        }
        Err(error) => Err(TableError::Failed { table, source: Box::new(error) }),
    }
}

/// The name of the hash key, or why the table cannot hold sessions. AWS's provider has the same
/// requirements.
fn hash_key(table: &TableDescription) -> Result<String, &'static str> {
    if table.key_schema().iter().any(|key| *key.key_type() == KeyType::Range) {
        return Err("it has a range key");
    }
    let key = table.key_schema().first().ok_or("it has no hash key")?.attribute_name();
    let text = table.attribute_definitions().iter().any(|attribute| {
        attribute.attribute_name() == key && *attribute.attribute_type() == ScalarAttributeType::S
    });
    if text { Ok(key.to_owned()) } else { Err("its hash key is not of type S") }
}
