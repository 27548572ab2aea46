//! A DynamoDB with one item. It knows only the calls that the store and AWS's provider make.
//!
//! The test in `truth.rs` compares it with the embedded DynamoDB.

mod expression;
mod legacy;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// The name of the table's hash key.
pub(crate) const HASH_KEY: &str = "SessionId";

/// An attribute value, of one of the two types that a session has.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Attr {
    S(String),
    // `i128` holds the largest generation that a condition names.
    N(i128),
}

/// The attributes of the item, by name.
pub(crate) type Item = BTreeMap<String, Attr>;

/// An answer of DynamoDB: a status, and a body as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// A call to DynamoDB: its name, and its body as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Request {
    pub(crate) api: String,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn new(api: &str, body: &Value) -> Self {
        Self { api: api.to_owned(), body: body.to_string() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn writes(&self) -> bool {
        self.api != "GetItem"
    }
}

impl Answer {
    /// An answer with the consumed capacity, which the store asks for with every call.
    fn ok(mut body: Value) -> Self {
        body["ConsumedCapacity"] = json!({ "TableName": "Sessions", "CapacityUnits": 1.0 });
        Self { status: 200, body: body.to_string() }
    }

    fn refused(request: &Value, item: Option<&Item>) -> Self {
        let mut body = json!({
            "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
            "message": "The conditional request failed",
        });
        if request["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
            && let Some(item) = item
        {
            body["Item"] = to_json(item);
        }
        Self { status: 400, body: body.to_string() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub(crate) fn attr(value: &Value) -> Attr {
    match value.as_object().and_then(|value| value.iter().next()) {
        Some((kind, Value::String(text))) if kind == "S" => Attr::S(text.clone()),
        Some((kind, Value::String(number))) if kind == "N" => Attr::N(number.parse().unwrap()),
        other => panic!("a session has no attribute {other:?}"),
    }
}

pub(crate) fn from_json(item: &Value) -> Item {
    item.as_object().unwrap().iter().map(|(name, value)| (name.clone(), attr(value))).collect()
}

pub(crate) fn to_json(item: &Item) -> Value {
    let attributes = item.iter().map(|(name, value)| {
        let value = match value {
            Attr::S(text) => json!({ "S": text }),
            Attr::N(number) => json!({ "N": number.to_string() }),
        };
        (name.clone(), value)
    });
    attributes.collect::<Map<_, _>>().into()
}

/// The item after a call, and the answer of DynamoDB.
pub(crate) fn apply(item: Option<&Item>, request: &Request) -> (Option<Item>, Answer) {
    let call = request.json();
    if request.api == "GetItem" {
        let body = item.map_or(json!({}), |item| json!({ "Item": to_json(item) }));
        return (item.cloned(), Answer::ok(body));
    }
    let nothing = Item::new();
    let old = item.unwrap_or(&nothing);
    let passes = match call["ConditionExpression"].as_str() {
        Some(condition) => expression::holds(condition, &call, old),
        None => legacy::holds(&call, old),
    };
    if !passes {
        return (item.cloned(), Answer::refused(&call, item));
    }
    let new = match request.api.as_str() {
        "PutItem" => Some(from_json(&call["Item"])),
        "DeleteItem" => None,
        "UpdateItem" => {
            let mut new = old.clone();
            new.extend(from_json(&call["Key"]));
            match call["UpdateExpression"].as_str() {
                Some(update) => expression::update(update, &call, &mut new),
                None => legacy::update(&call, &mut new),
            }
            Some(new)
        }
        other => panic!("neither the store nor AWS's provider calls {other}"),
    };
    let shown = match call["ReturnValues"].as_str() {
        Some("ALL_OLD") => item,
        Some("ALL_NEW") => new.as_ref(),
        _ => None,
    };
    let body = shown.map_or(json!({}), |item| json!({ "Attributes": to_json(item) }));
    (new, Answer::ok(body))
}
