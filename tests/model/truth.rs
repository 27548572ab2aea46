//! The model's DynamoDB is compared with the embedded DynamoDB. A sample of the calls that a check
//! made is sent to the embedded one. Both must give the same answer and leave the same item.

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use local::embedded::Embedded;
use local::listener::LocalPort;
use serde_json::{Value, json};
use stateright::Checker;

use crate::check::explore;
use crate::dynamodb::{HASH_KEY, Item, to_json};
use crate::setups::{self, Scale};

/// About how many calls of each setup are compared. A comparison takes four HTTP requests.
const SAMPLE: usize = 150;

struct Real {
    _embedded: Embedded,
    url: String,
    http: Client<HttpConnector, Full<Bytes>>,
}

impl Real {
    async fn start() -> Self {
        let listener = LocalPort::bind(0).await.unwrap();
        let embedded = Embedded::start(listener, None).unwrap();
        let url = embedded.url.clone();
        let http = Client::builder(TokioExecutor::new()).build_http();
        let real = Self { _embedded: embedded, url, http };
        let table = json!({
            "TableName": "Sessions",
            "KeySchema": [{ "AttributeName": HASH_KEY, "KeyType": "HASH" }],
            "AttributeDefinitions": [{ "AttributeName": HASH_KEY, "AttributeType": "S" }],
            "BillingMode": "PAY_PER_REQUEST",
        });
        assert_eq!(real.ask("CreateTable", &table).await.0, 200);
        real
    }

    async fn ask(&self, api: &str, body: &Value) -> (u16, Value) {
        let request = hyper::Request::post(&self.url)
            .header("x-amz-target", format!("DynamoDB_20120810.{api}"))
            .header("content-type", "application/x-amz-json-1.0")
            .header("authorization", "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0")
            .header("x-amz-date", "20260101T000000Z")
            .body(Full::new(Bytes::from(body.to_string())))
            .unwrap();
        let answer = self.http.request(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn put(&self, item: Option<&Item>) {
        let key = json!({ "TableName": "Sessions", "Key": { HASH_KEY: { "S": "s1" } } });
        let (status, _) = match item {
            None => self.ask("DeleteItem", &key).await,
            Some(item) => {
                let put = json!({ "TableName": "Sessions", "Item": to_json(item) });
                self.ask("PutItem", &put).await
            }
        };
        assert_eq!(status, 200);
    }

    async fn item(&self) -> Value {
        let get = json!({
            "TableName": "Sessions", "Key": { HASH_KEY: { "S": "s1" } }, "ConsistentRead": true,
        });
        self.ask("GetItem", &get).await.1["Item"].clone()
    }
}

#[tokio::test]
async fn the_dynamodb_of_the_model_answers_like_the_embedded_one() {
    let real = Real::start().await;
    let compared = [
        setups::locks,
        setups::if_match,
        setups::endings,
        setups::expired_leases,
        setups::skewed_clocks,
        setups::leases_beside_old,
        setups::beside_old,
    ];
    for setup in compared.map(|setup| setup(Scale::Quick)) {
        let name = setup.name;
        let calls = tokio::task::spawn_blocking(|| explore(setup).model().world.applied_calls());
        let calls = calls.await.unwrap();
        let every = calls.len().div_ceil(SAMPLE);
        for (old, request, new, answer) in calls.iter().step_by(every) {
            real.put(old.as_ref()).await;

            let (status, body) = real.ask(&request.api, &request.json()).await;

            let what = format!("{name}: {} on {old:?}", request.body);
            assert_eq!(status, answer.status, "{what}: {body}");
            let expected = answer.json();
            for shown in ["__type", "Item", "Attributes"] {
                assert_eq!(body[shown], expected[shown], "{what}");
            }
            assert_eq!(real.item().await, new.as_ref().map_or(Value::Null, to_json), "{what}");
        }
        println!(
            "{name}: {} of {} calls compared, the embedded DynamoDB answers all of them alike",
            calls.iter().step_by(every).count(),
            calls.len()
        );
    }
}
