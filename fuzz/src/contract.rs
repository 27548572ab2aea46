//! The statuses that `openapi.yaml` allows for each operation.

use std::collections::HashMap;

use functions::Operation;
use serde_json::Value;

/// The statuses that each operation may answer with.
pub struct Contract(HashMap<&'static str, Vec<u64>>);

impl Contract {
    pub(crate) fn read() -> Self {
        let document: Value = serde_saphyr::from_str(include_str!("../../openapi.yaml"))
            .expect("a test checks that openapi.yaml is valid YAML");
        let statuses = Operation::ALL.map(|operation| {
            let method = operation.method().as_str().to_ascii_lowercase();
            let responses = &document["paths"][operation.path()][&method]["responses"];
            let responses = responses.as_object().expect("openapi.yaml describes every operation");
            let statuses = responses.keys().filter_map(|status| status.parse().ok());
            (operation.name(), statuses.collect())
        });
        Self(HashMap::from(statuses))
    }

    /// Whether the operation may answer with this status.
    pub fn allows(&self, operation: Operation, status: u64) -> bool {
        self.0.get(operation.name()).is_some_and(|statuses| statuses.contains(&status))
    }
}
