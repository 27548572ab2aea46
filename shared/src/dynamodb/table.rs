//! The table: whether it can hold sessions, and the name of its hash key.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::describe_table::DescribeTableError;
use aws_sdk_dynamodb::types::{KeyType, ScalarAttributeType, TableDescription, TableStatus};

use crate::error::Failure;
use crate::item::attribute;

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
        source: Failure,
    },
}

/// A table that can hold sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The name of its hash key.
    pub hash_key: String,
    /// How many items the table had when DynamoDB last counted them, about every six hours.
    pub items: u64,
    /// Whether the table accepts reads and writes.
    pub active: bool,
    /// The capacity of the table. `None` if its capacity is on demand.
    pub provisioned: Option<Provisioned>,
}

/// The capacity of a table that is not on demand, in units per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provisioned {
    /// Read units.
    pub read_units: u32,
    /// Write units.
    pub write_units: u32,
}

impl Provisioned {
    /// `None` for a table on demand: DynamoDB describes it with zero units.
    fn of(table: &TableDescription) -> Option<Self> {
        let throughput = table.provisioned_throughput.as_ref()?;
        let units = |units: Option<i64>| units.and_then(|units| u32::try_from(units).ok());
        let read_units = units(throughput.read_capacity_units).filter(|units| *units > 0)?;
        let write_units = units(throughput.write_capacity_units).filter(|units| *units > 0)?;
        Some(Self { read_units, write_units })
    }
}

/// Whether DynamoDB accepts the text as the name of a table: 3 to 255 letters, digits, `_`, `-` and
/// `.`, or the ARN of a table.
/// Source: the DynamoDB developer guide, "Naming rules", and the API reference of `TableName`.
pub fn is_name(text: &str) -> bool {
    let name = match text.strip_prefix("arn:") {
        Some(arn) => match arn.rsplit_once(":table/") {
            Some((_, name)) => name,
            None => return false,
        },
        None => text,
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (3..=255).contains(&name.len()) && name.bytes().all(allowed)
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
            // Something in between may answer with an empty `200`.
            let Some(description) = output.table else {
                let source = Failure::bad_answer("DescribeTable");
                return Err(TableError::Failed { table, source });
            };
            let items = description.item_count.and_then(|items| u64::try_from(items).ok());
            match hash_key(&description) {
                Ok(hash_key) => {
                    use TableStatus::{Active, Updating};
                    let active = matches!(description.table_status, Some(Active | Updating));
                    let provisioned = Provisioned::of(&description);
                    Ok(Table { hash_key, items: items.unwrap_or(0), active, provisioned })
                }
                Err(reason) => Err(TableError::WrongShape { table, reason }),
            }
        }
        Err(SdkError::ServiceError(error))
            if matches!(error.err(), DescribeTableError::ResourceNotFoundException(_)) =>
        {
            Err(TableError::Missing { table })
        }
        Err(error) => {
            let source = Failure::new("DescribeTable", &error);
            Err(TableError::Failed { table, source })
        }
    }
}

/// The name of the hash key, or why the table cannot hold sessions. AWS's provider has the same
/// requirements.
fn hash_key(table: &TableDescription) -> Result<String, &'static str> {
    if table.key_schema().iter().any(|key| *key.key_type() == KeyType::Range) {
        return Err("it has a range key");
    }
    let key = table.key_schema().first().ok_or("it has no hash key")?.attribute_name();
    if attribute::ALL.contains(&key) {
        return Err("its hash key has the name of an attribute of sessions");
    }
    let text = table.attribute_definitions().iter().any(|attribute| {
        attribute.attribute_name() == key && *attribute.attribute_type() == ScalarAttributeType::S
    });
    if text { Ok(key.to_owned()) } else { Err("its hash key is not of type S") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_name_has_3_to_255_letters_digits_and_three_signs() {
        let long = "a".repeat(255);
        let arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/ASP.NET_SessionState";
        for good in ["ASP.NET_SessionState", "a-b", &long, arn] {
            assert!(is_name(good), "{good}");
        }
        let long = "a".repeat(256);
        for bad in
            ["", "ab", "a b", "Sessions!", "täble", &long, "arn:aws:dynamodb", "arn::table/a"]
        {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
