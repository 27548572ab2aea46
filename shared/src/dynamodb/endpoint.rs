//! The endpoint settings of the environment.

/// The variables that name an endpoint, as in every AWS SDK. The first takes precedence.
pub(super) const VARIABLES: [&str; 2] = ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"];

/// An endpoint setting has a value that is not a URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} is {value:?}: must be a URL such as http://127.0.0.1:8000")]
pub struct InvalidEndpoint {
    /// The name of the setting.
    pub setting: &'static str,
    /// The invalid value.
    pub value: String,
}

/// The host of a URL, without the brackets of an IPv6 address. `None` if the text is not the URL of
/// a server: `http` or `https`, a host, and perhaps a port and a path.
pub fn host(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    let authority = rest.split('/').next().unwrap_or_default();
    // The colons of an IPv6 address are in brackets.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let in_brackets = host.starts_with('[') && host.ends_with(']');
    let valid = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
        && host.contains(':') == in_brackets
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !br#""'<>\^`{}|@?#"#.contains(&byte));
    let host = host.trim_matches(['[', ']']);
    (valid && !host.is_empty()).then_some(host)
}

/// The endpoint that the environment names. An empty variable is absent.
///
/// # Errors
///
/// [`InvalidEndpoint`] for the first variable that is not a URL.
pub(super) fn from_env(
    get: impl Fn(&str) -> Option<String>,
) -> Result<Option<String>, InvalidEndpoint> {
    let mut endpoint = None;
    for setting in VARIABLES {
        match get(setting).filter(|value| !value.is_empty()) {
            Some(value) if host(&value).is_some() => endpoint = endpoint.or(Some(value)),
            Some(value) => return Err(InvalidEndpoint { setting, value }),
            None => {}
        }
    }
    Ok(endpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_scheme_and_a_host() {
        for (good, its_host) in [
            ("http://127.0.0.1:8000", "127.0.0.1"),
            ("https://dynamodb.amazonaws.com", "dynamodb.amazonaws.com"),
            ("http://[::1]:8000/", "::1"),
            ("HTTP://dynamodb:8000/path", "dynamodb"),
        ] {
            assert_eq!(host(good), Some(its_host));
        }
        for bad in [
            "",
            "127.0.0.1:8000",
            "localhost",
            "dynamodb:8000",
            "http://",
            "http:///path",
            "http://:8000",
            "http://host:",
            "http://host:0",
            "http://host:99999",
            "http://::1:8000",
            "http://[::1",
            "http://[]",
            "http://a host",
            "http://user@host",
            "ftp://host",
            "://host",
        ] {
            assert_eq!(host(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_empty_variable_is_absent_and_an_invalid_one_is_named() {
        let read = |own: &str, common: &str| {
            from_env(|name| match name {
                "AWS_ENDPOINT_URL_DYNAMODB" => Some(own.to_owned()),
                _ => Some(common.to_owned()),
            })
        };

        assert_eq!(read("", ""), Ok(None));
        assert_eq!(read("http://a", "http://b").unwrap().unwrap(), "http://a");
        assert_eq!(read("", "http://b").unwrap().unwrap(), "http://b");
        assert_eq!(read("a", "http://b").unwrap_err().setting, "AWS_ENDPOINT_URL_DYNAMODB");
        assert_eq!(read("http://a", "b").unwrap_err().setting, "AWS_ENDPOINT_URL");
    }
}
