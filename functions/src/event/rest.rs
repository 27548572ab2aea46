//! Events of a REST API (payload format 1.0), which a private API sends.
//!
//! Source: "Lambda proxy integrations in API Gateway", in the API Gateway developer guide.

use serde_json::{Map, Value, json};

use crate::http::percent_decoded;

/// Whether the event comes from a REST API. An HTTP API sends `version` 2.0.
pub(crate) fn is_rest(event: &Value) -> bool {
    event["version"] != "2.0" && event["httpMethod"].is_string() && event["resource"].is_string()
}

/// The same request as an event of an HTTP API (payload format 2.0).
pub(crate) fn to_http_api(mut event: Value) -> Value {
    let context = &event["requestContext"];
    let (method, resource) = (text(&event["httpMethod"]), text(&event["resource"]));
    let context = json!({
        "http": { "method": method },
        "requestId": context["requestId"],
        "routeKey": format!("{method} {resource}"),
        "stage": "$default",
        "timeEpoch": context["requestTimeEpoch"].as_i64().unwrap_or(0),
    });
    json!({
        "version": "2.0",
        "routeKey": context["routeKey"],
        "headers": headers(&event),
        "pathParameters": path_parameters(&event),
        "requestContext": context,
        "body": event["body"].take(),
        "isBase64Encoded": event["isBase64Encoded"] == true,
    })
}

/// The path parameters as an HTTP API sends them: decoded. A REST API leaves them percent-encoded.
/// Leaves out one with a malformed escape, which API Gateway does not pass on.
/// Source: <https://github.com/serverless/serverless/issues/5037>
fn path_parameters(event: &Value) -> Map<String, Value> {
    let all = event["pathParameters"].as_object().into_iter().flatten();
    let decoded = |(name, value): (&String, &Value)| {
        let value = percent_decoded(text(value)).ok()?;
        Some((name.clone(), value.into()))
    };
    all.filter_map(decoded).collect()
}

/// The headers as an HTTP API sends them: with names in lower case, and with a comma between the
/// values of a header that was sent more than once.
fn headers(event: &Value) -> Map<String, Value> {
    let several = event["multiValueHeaders"].as_object().into_iter().flatten();
    let several = several.map(|(name, values)| {
        let values = values.as_array().into_iter().flatten().map(text);
        (name, values.collect::<Vec<_>>().join(","))
    });
    let single = event["headers"].as_object().into_iter().flatten();
    let single = single.map(|(name, value)| (name, text(value).to_owned()));
    // Where both have a header, the one with all values comes last and wins.
    let all = single.chain(several);
    all.map(|(name, value)| (name.to_ascii_lowercase(), value.into())).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The answer without the field that only an HTTP API knows.
pub(crate) fn of_http_api(mut answer: Value) -> Value {
    if let Some(fields) = answer.as_object_mut() {
        fields.remove("cookies");
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_parameter_is_decoded_as_an_http_api_decodes_it() {
        let of = |application: &str| {
            let event = json!({ "pathParameters": { "application": application } });
            to_http_api(event)["pathParameters"].take()
        };

        assert_eq!(of("b%C3%BCcher%20%25"), json!({ "application": "bücher %" }));
        assert_eq!(of("-"), json!({ "application": "-" }));
        for malformed in ["a%zz", "a%", "%FF", "bücher"] {
            assert_eq!(of(malformed), json!({}), "{malformed}");
        }
        assert_eq!(to_http_api(json!({}))["pathParameters"], json!({}));
    }

    #[test]
    fn a_header_that_was_sent_twice_is_joined_as_an_http_api_joins_it() {
        let event = json!({
            "httpMethod": "GET",
            "resource": "/apps/{application}/session",
            "headers": { "Session-Id": "b", "Only-Here": "x" },
            "multiValueHeaders": { "Session-Id": ["a", "b"] },
            "pathParameters": { "application": "shop" },
            "requestContext": { "requestTimeEpoch": 1_800_000_000_000_i64 },
            "body": null,
        });
        assert!(is_rest(&event));

        let event = to_http_api(event);

        assert!(!is_rest(&event));
        // Some tools add the fields of both formats.
        assert!(!is_rest(&json!({ "version": "2.0", "httpMethod": "GET", "resource": "/" })));
        assert_eq!(event["routeKey"], "GET /apps/{application}/session");
        assert_eq!(event["headers"], json!({ "session-id": "a,b", "only-here": "x" }));
        assert_eq!(event["requestContext"]["timeEpoch"], 1_800_000_000_000_i64);
        assert_eq!(event["isBase64Encoded"], false);
    }
}
