//! Checks signatures like API Gateway's IAM authorization, but without AWS. Each request must be
//! signed with one access key and Signature Version 4. Permissions are not checked.
//!
//! To check a signature, it signs the same headers again, with the date of the request.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use session_store::Timestamp;

/// How far the date of a request may be away from the clock of this machine.
/// Source: the IAM user guide, "Elements of an AWS API request signature".
const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// The access key that must sign requests.
#[derive(Clone)]
pub struct Signer {
    key_id: String,
    secret: String,
}

/// Does not print the secret.
impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// The text does not have the form `ACCESS_KEY_ID:SECRET_ACCESS_KEY`.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("must have the form ACCESS_KEY_ID:SECRET_ACCESS_KEY")]
pub struct InvalidSigner;

impl FromStr for Signer {
    type Err = InvalidSigner;

    fn from_str(text: &str) -> Result<Self, InvalidSigner> {
        match text.split_once(':') {
            Some((key_id, secret)) if !key_id.is_empty() && !secret.is_empty() => {
                Ok(Self { key_id: key_id.to_owned(), secret: secret.to_owned() })
            }
            _ => Err(InvalidSigner),
        }
    }
}

/// Why a request is refused. For the log only: like API Gateway, the answer does not say why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the request is not signed with Signature Version 4")]
    Unsigned,
    #[error("the request is signed with an unknown access key")]
    UnknownKey,
    #[error("the signature is not for the service execute-api, or not for the day of x-amz-date")]
    WrongScope,
    #[error("the signature does not cover both host and x-amz-date")]
    Unprotected,
    #[error("x-amz-date is more than 5 minutes away from the clock of this machine")]
    Expired,
    #[error("the signature does not match")]
    Mismatch,
}

/// The parts of an Authorization header.
struct Authorization<'a> {
    key_id: &'a str,
    day: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: BTreeSet<&'a str>,
    signature: &'a str,
}

impl Signer {
    /// Checks that this access key signed the request, within the tolerance of `now`.
    pub(crate) fn check(
        &self,
        request: &Parts,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), Refused> {
        let authorization = authorization(&request.headers).ok_or(Refused::Unsigned)?;
        let date = text(&request.headers, "x-amz-date").ok_or(Refused::Unsigned)?;
        let time = instant(date).ok_or(Refused::Unsigned)?;
        if authorization.key_id != self.key_id {
            return Err(Refused::UnknownKey);
        }
        if authorization.service != "execute-api" || !date.starts_with(authorization.day) {
            return Err(Refused::WrongScope);
        }
        if !["host", "x-amz-date"].iter().all(|name| authorization.signed_headers.contains(name)) {
            return Err(Refused::Unprotected);
        }
        if now.since(time) > TOLERANCE || time.since(now) > TOLERANCE {
            return Err(Refused::Expired);
        }
        let signature = self.signature(request, body, &authorization, time);
        if signature.as_deref() == Some(authorization.signature) {
            Ok(())
        } else {
            Err(Refused::Mismatch)
        }
    }

    /// The signature that the request should have.
    fn signature(
        &self,
        request: &Parts,
        body: &[u8],
        authorization: &Authorization<'_>,
        time: Timestamp,
    ) -> Option<String> {
        let identity = Credentials::new(&self.key_id, &self.secret, None, None, "local").into();
        let mut settings = SigningSettings::default();
        // By default, the library leaves out more headers, which the signer may have signed.
        settings.excluded_headers = Some(vec![header::AUTHORIZATION.as_str().into()]);
        let millis = u64::try_from(time.as_millis()).ok()?;
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(authorization.region)
            .name(authorization.service)
            .time(std::time::UNIX_EPOCH + Duration::from_millis(millis))
            .settings(settings)
            .build()
            .ok()?
            .into();
        let headers: Option<Vec<_>> = authorization
            .signed_headers
            .iter()
            .map(|name| Some((*name, text(&request.headers, name)?)))
            .collect();
        let host = text(&request.headers, header::HOST.as_str())?;
        let uri = format!("http://{host}{}", request.uri.path_and_query()?);
        let body = SignableBody::Bytes(body);
        let method = request.method.as_str();
        let signable = SignableRequest::new(method, uri, headers?.into_iter(), body).ok()?;
        Some(sign(signable, &params).ok()?.signature().to_owned())
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// `AWS4-HMAC-SHA256 Credential=…/day/region/service/aws4_request, SignedHeaders=…, Signature=…`
fn authorization(headers: &HeaderMap) -> Option<Authorization<'_>> {
    let parts = text(headers, header::AUTHORIZATION.as_str())?.strip_prefix("AWS4-HMAC-SHA256 ")?;
    let part = |name: &str| parts.split(',').find_map(|part| part.trim().strip_prefix(name));
    let mut scope = part("Credential=")?.rsplitn(5, '/');
    if scope.next() != Some("aws4_request") {
        return None;
    }
    let (service, region, day, key_id) =
        (scope.next()?, scope.next()?, scope.next()?, scope.next()?);
    let signed_headers = part("SignedHeaders=")?.split(';').collect();
    let signature = part("Signature=")?;
    Some(Authorization { key_id, day, region, service, signed_headers, signature })
}

/// `yyyyMMddTHHmmssZ`
fn instant(date: &str) -> Option<Timestamp> {
    if date.len() != 16 || !date.is_ascii() {
        return None;
    }
    let (day, time) = (&date[..8], &date[8..]);
    let text = format!(
        "{}-{}-{}{}:{}:{}.000Z",
        &day[..4],
        &day[4..6],
        &day[6..],
        &time[..3],
        &time[3..5],
        &time[5..7]
    );
    text.parse().ok().filter(|_| time.ends_with('Z'))
}
