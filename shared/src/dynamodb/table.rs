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
    /// The capacity of the table.
    pub capacity: Capacity,
}

/// How many units per second DynamoDB grants to a table: what it has provisioned, or the maximum of
/// a table on demand. `None`: no limit that DynamoDB describes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capacity {
    /// Read units.
    pub read_units: Option<u32>,
    /// Write units.
    pub write_units: Option<u32>,
}

impl Capacity {
    fn of(table: &TableDescription) -> Self {
        let provisioned = table.provisioned_throughput.as_ref();
        let on_demand = table.on_demand_throughput.as_ref();
        Self {
            read_units: units(provisioned.and_then(|units| units.read_capacity_units))
                .or_else(|| units(on_demand.and_then(|units| units.max_read_request_units))),
            write_units: units(provisioned.and_then(|units| units.write_capacity_units))
                .or_else(|| units(on_demand.and_then(|units| units.max_write_request_units))),
        }
    }
}

/// `None` for the values that mean no limit: zero provisioned units, and a maximum of -1.
/// Source: the DynamoDB API reference, `ProvisionedThroughputDescription` and `OnDemandThroughput`.
fn units(described: Option<i64>) -> Option<u32> {
    described.and_then(|units| u32::try_from(units).ok()).filter(|units| *units > 0)
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
                    let capacity = Capacity::of(&description);
                    Ok(Table { hash_key, items: items.unwrap_or(0), active, capacity })
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
    use aws_sdk_dynamodb::types::{OnDemandThroughput, ProvisionedThroughputDescription};

    use super::*;

    #[test]
    fn the_capacity_is_what_is_provisioned_or_the_maximum_of_a_table_on_demand() {
        let of = |provisioned: i64, on_demand: Option<(i64, i64)>| {
            let provisioned = ProvisionedThroughputDescription::builder()
                .read_capacity_units(provisioned)
                .write_capacity_units(provisioned);
            let on_demand = on_demand.map(|(read, write)| {
                OnDemandThroughput::builder()
                    .max_read_request_units(read)
                    .max_write_request_units(write)
                    .build()
            });
            let table = TableDescription::builder()
                .provisioned_throughput(provisioned.build())
                .set_on_demand_throughput(on_demand);
            let capacity = Capacity::of(&table.build());
            (capacity.read_units, capacity.write_units)
        };

        assert_eq!(of(5, None), (Some(5), Some(5)));
        assert_eq!(of(0, None), (None, None));
        assert_eq!(of(0, Some((40, 20))), (Some(40), Some(20)));
        assert_eq!(of(0, Some((-1, 20))), (None, Some(20)));
    }

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
