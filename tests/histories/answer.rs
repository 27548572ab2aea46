//! Answers of DynamoDB, whole or torn by the network.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body_util::{BodyExt, Full};
use hyper::Response;
use hyper::body::{Body, Bytes, Frame, SizeHint};

/// The body of an answer. If it is torn, the connection is reset after the first half.
pub(crate) struct Answer {
    bytes: Option<Bytes>,
    torn: bool,
}

impl Answer {
    pub(crate) fn tear(&mut self) {
        self.torn = true;
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let frame = match self.bytes.take() {
            Some(bytes) if self.torn => Some(Ok(bytes.slice(..bytes.len() / 2))),
            Some(bytes) => Some(Ok(bytes)),
            None if self.torn => Some(Err(io::ErrorKind::ConnectionReset.into())),
            None => None,
        };
        Poll::Ready(frame.map(|bytes| bytes.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        let length = self.bytes.as_ref().map_or(0, Bytes::len);
        SizeHint::with_exact(u64::try_from(length).unwrap_or(0))
    }
}

/// The answer of DynamoDB, whole.
pub(crate) async fn whole(response: Response<Full<Bytes>>) -> Response<Answer> {
    let (parts, body) = response.into_parts();
    let Ok(body) = body.collect().await;
    Response::from_parts(parts, Answer { bytes: Some(body.to_bytes()), torn: false })
}

/// An error in the format of DynamoDB.
pub(crate) fn error(status: u16, name: &str) -> Response<Answer> {
    let body = format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{name}","message":"-"}}"#);
    let mut response = Response::new(Answer { bytes: Some(body.into()), torn: false });
    *response.status_mut() =
        hyper::StatusCode::from_u16(status).expect("400 and 500 are status codes");
    response
}
