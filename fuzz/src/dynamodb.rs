//! A DynamoDB that answers every key with the same item.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

/// The answer to the next write. Later writes succeed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Writes {
    /// The write succeeds, and the answer has the item.
    #[default]
    Done,
    /// The condition of the write is false, and the answer has the item.
    Refused,
}

/// A DynamoDB that answers every key with the same item. The item is bytes, in the JSON of
/// DynamoDB's API.
#[derive(Debug, Clone, Default)]
pub struct DynamoDb(Arc<Mutex<(Vec<u8>, Writes)>>);

impl DynamoDb {
    /// From now on, answers with this item.
    pub fn has(&self, item: &[u8], writes: Writes) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (item.to_vec(), writes);
    }

    fn answer(&self, request: &HttpRequest) -> (u16, Vec<u8>) {
        let call = request.headers().get("x-amz-target").unwrap_or_default();
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (item, writes) = &mut *state;
        let (status, before) = match std::mem::take(writes) {
            unused if call.ends_with("GetItem") => {
                *writes = unused;
                (200, br#"{"ConsumedCapacity":{"CapacityUnits":1},"Item":"#.as_slice())
            }
            Writes::Done => {
                (200, br#"{"ConsumedCapacity":{"CapacityUnits":1},"Attributes":"#.as_slice())
            }
            Writes::Refused => (
                400,
                br#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","Item":"#
                    .as_slice(),
            ),
        };
        (status, [before, item, b"}"].concat())
    }
}

impl HttpConnector for DynamoDb {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (status, body) = self.answer(&request);
        let status = StatusCode::try_from(status).expect("200 and 400 are status codes");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(body))))
    }
}

impl HttpClient for DynamoDb {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
