//! The DynamoDB that a command works on.

use std::net::IpAddr;

use aws_sdk_dynamodb::Client;
use session_store::client::InvalidEndpoint;
use session_store::{client, table};

/// An endpoint on the command line. `None` for an empty text, which counts as absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(Option<String>);

/// Why there is no client for an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The URL names another machine, and nobody has said that its tables are real.
    #[error(
        "--endpoint-url {url} is not on this machine: add --aws to work on its tables with the \
         credentials of the environment or profile"
    )]
    NotLocal {
        /// The URL.
        url: String,
    },
    /// A variable of the environment is not a URL.
    #[error(transparent)]
    Environment(#[from] InvalidEndpoint),
}

/// Reads an endpoint, for the command line.
///
/// # Errors
///
/// If the text is neither empty nor a URL.
pub(crate) fn url(text: &str) -> Result<Endpoint, &'static str> {
    match text {
        "" => Ok(Endpoint(None)),
        url if client::host(url).is_some() => Ok(Endpoint(Some(url.to_owned()))),
        _ => Err("must be a URL such as http://127.0.0.1:8000"),
    }
}

/// Reads the name of a table, for the command line.
///
/// # Errors
///
/// If DynamoDB does not accept the name.
pub(crate) fn table(text: &str) -> Result<String, &'static str> {
    match table::is_name(text) {
        true => Ok(text.to_owned()),
        false => Err("must be 3 to 255 letters, digits, '_', '-' and '.'"),
    }
}

impl Endpoint {
    /// The URL, unless the text is empty.
    pub fn url(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

/// The client for `endpoint`. With `aws`, it has the region and the credentials of the environment
/// or profile. Without, the endpoint must be on this machine.
///
/// # Errors
///
/// [`EndpointError`].
pub(crate) async fn client(endpoint: Option<&str>, aws: bool) -> Result<Client, EndpointError> {
    let credentials = ["AWS_ACCESS_KEY_ID", "AWS_PROFILE"];
    let has_credentials = || credentials.iter().any(|name| std::env::var_os(name).is_some());
    match endpoint {
        None => Ok(client::from_env().await?),
        Some(url) if aws => Ok(client::from_env_at(url).await),
        Some(url) if !is_local(url) => Err(EndpointError::NotLocal { url: url.to_owned() }),
        Some(url) if has_credentials() => Ok(client::from_env_at(url).await),
        Some(url) => Ok(client::at(url)),
    }
}

/// Whether the host of the URL is this machine.
fn is_local(url: &str) -> bool {
    let host = client::host(url).unwrap_or_default();
    let address = host.parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_and_localhost_are_this_machine() {
        for local in
            ["http://127.0.0.1:8000", "http://localhost", "http://[::1]:8000/", "http://127.1.2.3"]
        {
            assert!(is_local(local), "{local}");
        }
        for other in [
            "https://dynamodb.eu-central-1.amazonaws.com",
            "http://dynamodb:8000",
            "http://10.0.0.1:8000",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com:8000",
        ] {
            assert!(!is_local(other), "{other}");
        }
    }

    #[test]
    fn an_empty_endpoint_is_absent() {
        assert_eq!(url("").unwrap().url(), None);
        assert_eq!(url("http://127.0.0.1:8000").unwrap().url(), Some("http://127.0.0.1:8000"));
        assert!(url("localhost:8000").is_err());
    }
}
