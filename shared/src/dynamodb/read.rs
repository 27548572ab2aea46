//! Reads of one item.

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;

use super::SessionStore;
use crate::error::Error;
use crate::item::Item;
use crate::values::SessionId;

impl SessionStore {
    /// The whole item, as the last acknowledged write left it (a consistent read).
    pub(crate) async fn get(&self, id: &SessionId) -> Result<Option<Item>, Error> {
        let (key, value) = self.key(id);
        let request = self
            .client
            .get_item()
            .table_name(&self.settings.table)
            .key(key, value)
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = request.send().await.map_err(|error| self.failed("GetItem", &error))?;
        self.meter.read(self.consumed("GetItem", output.consumed_capacity())?);
        Ok(output.item.map(Item))
    }
}
