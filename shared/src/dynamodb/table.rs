//! The table: whether it can hold sessions, and what its hash key is called.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::describe_table::DescribeTableError;
use aws_sdk_dynamodb::types::{KeyType, ScalarAttributeType, TableDescription};

use crate::error::BoxError;

/// Why a table is not known to hold sessions.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// There is no such table.
    #[error("table {table} does not exist")]
    Missing {
        /// Its name.
        table: String,
    },
    /// The table cannot hold sessions.
    #[error("table {table} cannot hold sessions: {reason}")]
    WrongShape {
        /// Its name.
        table: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// DynamoDB could not be asked.
    #[error("table {table} could not be looked at")]
    Failed {
        /// Its name.
        table: String,
        /// What the SDK says about it.
        source: BoxError,
    },
}

/// What there is to know of a table that can hold sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The name of its hash key.
    pub hash_key: String,
    /// How many items it had when DynamoDB last counted them, which it does every six hours or so.
    pub items: u64,
}

/// Looks at the table.
///
/// Opens the connection to DynamoDB on the way, which a function wants done before its first visitor.
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

/// The hash key's name, or why the table cannot hold sessions. AWS's provider asks for the same.
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
