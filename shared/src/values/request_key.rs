//! The name of one request of a web application.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use uuid::Uuid;

/// A UUID that names one request of a web application. A second send with the same key is the same
/// request.
///
/// The key of a request is in lower case. A key that another program has stored keeps its case,
/// because DynamoDB compares texts. Two keys are equal if they are the same UUID in any case.
#[derive(Debug, Clone, Copy)]
pub struct RequestKey {
    text: [u8; LENGTH],
}

/// The length of a UUID with dashes.
const LENGTH: usize = 36;

/// The text is not a UUID in the form with dashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")]
pub struct InvalidRequestKey;

impl RequestKey {
    /// A new key, for a request that brought none.
    pub fn random() -> Self {
        Self::new(Uuid::new_v4())
    }

    /// The key as `text` has it, in any case.
    pub(crate) fn as_stored(text: &str) -> Result<Self, InvalidRequestKey> {
        let key: Self = text.parse()?;
        // It has the same characters, up to their case, so it has the same length.
        let text = text.as_bytes().try_into();
        Ok(text.map_or(key, |text| Self { text }))
    }

    fn new(uuid: Uuid) -> Self {
        let mut text = [0; LENGTH];
        uuid.hyphenated().encode_lower(&mut text);
        Self { text }
    }

    fn lower(&self) -> [u8; LENGTH] {
        self.text.map(|byte| byte.to_ascii_lowercase())
    }
}

impl PartialEq for RequestKey {
    fn eq(&self, other: &Self) -> bool {
        self.lower() == other.lower()
    }
}

impl Eq for RequestKey {}

impl Hash for RequestKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.lower().hash(state);
    }
}

/// A UUID with dashes: in lower case, as AWS's provider writes its lock ids, or in the case that it
/// was stored in.
impl fmt::Display for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        String::from_utf8_lossy(&self.text).fmt(f)
    }
}

impl FromStr for RequestKey {
    type Err = InvalidRequestKey;

    fn from_str(text: &str) -> Result<Self, InvalidRequestKey> {
        // `try_parse` also accepts the braced, bare and URN forms.
        let key = Self::new(Uuid::try_parse(text).map_err(|_| InvalidRequestKey)?);
        let same = key.text.eq_ignore_ascii_case(text.as_bytes());
        if same { Ok(key) } else { Err(InvalidRequestKey) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_key_is_a_uuid_with_dashes_in_either_case() {
        const KEY: &str = "1396647c-9d99-4be8-8402-00106708a0ae";

        assert_eq!(KEY.to_uppercase().parse::<RequestKey>().unwrap().to_string(), KEY);
        for bad in
            ["", "abc", &KEY.replace('-', ""), &format!("{{{KEY}}}"), &format!("urn:uuid:{KEY}")]
        {
            assert_eq!(bad.parse::<RequestKey>(), Err(InvalidRequestKey), "{bad}");
        }
    }
    #[test]
    fn a_stored_key_keeps_its_case_and_is_equal_to_itself_in_any_case() {
        const KEY: &str = "1396647C-9d99-4be8-8402-00106708A0AE";

        let stored = RequestKey::as_stored(KEY).unwrap();

        assert_eq!(stored.to_string(), KEY);
        assert_eq!(stored, KEY.parse().unwrap());
        assert_ne!(stored, RequestKey::random());
        assert_eq!(RequestKey::as_stored(&KEY[1..]), Err(InvalidRequestKey));
    }
}
