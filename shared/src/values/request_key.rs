//! The name of one request of a web application.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// A UUID that names one request of a web application. A second send with the same key is the same
/// request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestKey(Uuid);

/// The text is not a UUID in the form with dashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")]
pub struct InvalidRequestKey;

impl RequestKey {
    /// A new key, for a request that brought none.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

/// Lower case with dashes, as AWS's provider writes its lock ids.
impl fmt::Display for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for RequestKey {
    type Err = InvalidRequestKey;

    fn from_str(text: &str) -> Result<Self, InvalidRequestKey> {
        // `try_parse` also accepts the braced, bare and URN forms.
        let uuid = Uuid::try_parse(text).map_err(|_| InvalidRequestKey)?;
        let same = uuid.hyphenated().to_string().eq_ignore_ascii_case(text);
        if same { Ok(Self(uuid)) } else { Err(InvalidRequestKey) }
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
}
