//! The attribute names and the values for expressions.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::SessionStore;
use crate::item::{LAST_GENERATION, number, text};
use crate::values::{LockId, RequestKey, Timestamp};

/// The values for the `:name`s of expressions. May hold values that an expression does not use.
pub(crate) struct Values(HashMap<&'static str, AttributeValue>);

impl Values {
    /// The time, and the constants that the expressions use. [`Self::with`] adds other values.
    pub(crate) fn at(now: Timestamp) -> Self {
        Self(HashMap::from([
            (":now", text(now)),
            (":unlocked", number(0)),
            (":locked", number(1)),
            (":zero", number(0)),
            (":one", number(1)),
            (":one_text", text(1)),
            (":last", number(LAST_GENERATION)),
            (":clock", number(now.as_millis())),
        ]))
    }

    pub(crate) fn with(mut self, name: &'static str, value: AttributeValue) -> Self {
        self.0.insert(name, value);
        self
    }

    pub(crate) fn key(self, key: &RequestKey) -> Self {
        self.with(":key", text(key))
    }

    pub(crate) fn lock(self, lock: &LockId) -> Self {
        self.with(":lock", text(lock.key)).with(":generation", number(lock.generation))
    }

    /// The values that the expressions use. DynamoDB refuses a request with unused values.
    pub(crate) fn used_in(&self, expressions: &str) -> HashMap<String, AttributeValue> {
        tokens(expressions, ':')
            .filter_map(|token| Some((token.to_owned(), self.0.get(token)?.clone())))
            .collect()
    }
}

/// The words of an expression that begin with `sign`.
fn tokens(expression: &str, sign: char) -> impl Iterator<Item = &str> {
    expression
        .split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '#' | ':' | '_'))
        .filter(move |token| token.starts_with(sign))
}

impl SessionStore {
    /// The attribute for each `#Name` of the expressions. It is `Name`, except for `#Key` and
    /// `#Ttl`, whose names are in the settings. Expressions never contain plain attribute names,
    /// because DynamoDB reserves hundreds of words.
    pub(crate) fn names(&self, expressions: &str) -> HashMap<String, String> {
        tokens(expressions, '#')
            .map(|token| {
                let name = match (token, &self.settings.ttl) {
                    ("#Ttl", Some(ttl)) => &ttl.attribute,
                    ("#Key", _) => self.hash_key(),
                    (other, _) => &other[1..],
                };
                (token.to_owned(), name.to_owned())
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::condition;

    #[test]
    fn an_expression_is_sent_with_the_values_it_uses_and_no_others() {
        let values = Values::at(Timestamp::from_millis(0).unwrap());

        let used = values.used_in(condition::LIVE);

        assert_eq!(used.keys().collect::<Vec<_>>(), [":now"]);
    }
}
