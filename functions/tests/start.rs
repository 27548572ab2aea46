//! A function does not start with an invalid setting. The log has one line that names the setting.

#![expect(clippy::unwrap_used, reason = "an unwrap that panics fails the test")]

use std::process::{Command, Output};

/// Starts the function with this variable. Returns its exit code and its log.
fn start(variable: &str, value: &str) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_session-state"));
    command.env_clear().env("AWS_REGION", "us-east-1").env("_HANDLER", "fetch");
    let Output { status, stdout, stderr } = command.env(variable, value).output().unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

#[test]
fn an_invalid_setting_stops_the_function_with_one_line_that_names_it() {
    for (variable, value) in [
        ("AWS_ENDPOINT_URL_DYNAMODB", "127.0.0.1:8000"),
        ("AWS_ENDPOINT_URL", "nonsense"),
        ("TABLE_NAME", "my table"),
        ("DASHES_IN_APPLICATIONS", "yes"),
        ("_HANDLER", "lok"),
    ] {
        let (code, log) = start(variable, value);

        assert_eq!(code, Some(1), "{log}");
        let errors: Vec<_> = log.lines().filter(|line| line.contains("ERROR")).collect();
        assert_eq!(errors.len(), 1, "{log}");
        assert!(errors[0].contains(variable), "{log}");
        assert!(!log.contains("panicked"), "{log}");
    }
}
