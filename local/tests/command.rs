//! The program that `cargo run -p local` runs.

#![expect(clippy::unwrap_used, reason = "an unwrap that panics fails the test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

/// A running `local`.
struct Local {
    child: Child,
    /// `127.0.0.1:port` of the service, and of its DynamoDB.
    address: String,
    dynamodb: String,
}

impl Local {
    fn start(arguments: &[&str]) -> Self {
        let mut child = command(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = |name: &str| {
            let line = lines.next().unwrap().unwrap();
            assert!(line.starts_with(name), "{line}");
            line.split("http://").nth(1).unwrap().split(' ').next().unwrap().to_owned()
        };
        let (address, dynamodb) = (address("sessions"), address("DynamoDB"));
        Self { child, address, dynamodb }
    }

    /// Sends a request for the session `s1` over a new connection. Returns the status code.
    fn ask(&self, what: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let request = format!(
            "{what} HTTP/1.1\r\nHost: localhost\r\nSession-Id: s1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().to_owned()
    }

    /// Sends the signal of Ctrl-C. Returns whether the program then ended with success.
    fn stop(mut self) -> bool {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        self.child.wait().unwrap().success()
    }
}

/// Also ends the program if the test fails.
impl Drop for Local {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program, on free ports unless the arguments set the ports.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    let given = |flags: &[&str]| flags.iter().any(|flag| arguments.contains(flag));
    for (flag, excluded_by) in
        [("--port", &[][..]), ("--dynamodb-port", &["--endpoint-url", "--aws"])]
    {
        if !given(&[flag]) && !given(excluded_by) {
            command.args([flag, "0"]);
        }
    }
    command.args(arguments).env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_PROFILE");
    command
}

/// Checks that the program does not start: it prints one line and ends with an error. Returns the
/// line.
fn refused(arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = command(arguments).output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert!(!status.success(), "{arguments:?}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    stderr
}

fn temporary_file(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder.join("sessions.db")
}

#[test]
fn it_prints_its_addresses_serves_and_stops_with_success() {
    let local = Local::start(&[]);

    assert_eq!(local.ask("POST /apps/-/session"), "201");
    assert_eq!(local.ask("GET /apps/-/session"), "200");
    TcpStream::connect(&local.dynamodb).unwrap();
    assert!(local.stop());
}

#[test]
fn an_open_connection_does_not_keep_it_from_stopping() {
    let local = Local::start(&[]);
    let _open = TcpStream::connect(&local.address).unwrap();

    assert!(local.stop());
}

#[test]
fn with_data_sessions_survive_a_restart_and_a_kill() {
    let file = temporary_file("survive");
    let data = ["--data", file.to_str().unwrap()];

    let local = Local::start(&data);
    assert_eq!(local.ask("POST /apps/-/session"), "201");
    assert!(local.stop());
    let mut local = Local::start(&data);
    assert_eq!(local.ask("POST /apps/-/session"), "200");
    assert_eq!(local.ask("POST /apps/shop/session"), "201");
    local.child.kill().unwrap();
    drop(local);

    let local = Local::start(&data);
    assert_eq!(local.ask("POST /apps/shop/session"), "200");
}

#[test]
fn another_dynamodb_takes_the_place_of_the_embedded_one() {
    let first = Local::start(&[]);
    let url = format!("http://{}", first.dynamodb);
    assert_eq!(first.ask("POST /apps/-/session"), "201");

    let second = Local::start(&["--endpoint-url", &url, "--no-create"]);

    assert_eq!(second.ask("POST /apps/-/session"), "200");
}

#[test]
fn the_sweep_runs_by_itself() {
    let local = Local::start(&["--session-timeout", "1", "--sweep-every", "1"]);
    // Other tests check what a sweep deletes. This one checks that the service works meanwhile.
    assert_eq!(local.ask("POST /apps/-/session"), "201");
    assert!(local.stop());
}

#[test]
fn a_port_in_use_is_refused_and_the_error_names_the_flag() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();

    assert!(refused(&["--port", &port]).contains("--port"));
    assert!(refused(&["--dynamodb-port", &port]).contains("--dynamodb-port"));
}

#[test]
fn a_data_file_that_is_not_writable_or_not_a_database_is_refused_and_the_error_names_it() {
    assert!(refused(&["--data", "/no/such/folder/sessions.db"]).contains("/no/such/folder"));

    let file = temporary_file("no-database");
    std::fs::write(&file, "this is not a database, and long enough to see it").unwrap();
    assert!(refused(&["--data", file.to_str().unwrap()]).contains("sessions.db"));
}

#[test]
fn with_no_create_a_missing_table_is_refused() {
    let refusal = refused(&["--no-create", "--table", "Missing"]);

    assert!(refusal.contains("table Missing does not exist"), "{refusal}");
}

#[test]
fn a_ttl_attribute_that_the_session_uses_is_refused() {
    assert!(refused(&["--ttl-attribute", "Expires"]).contains("Expires"));
}

#[test]
fn a_dynamodb_that_cannot_be_reached_is_refused() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();

    let refusal = refused(&["--endpoint-url", &format!("http://{unused}")]);

    assert!(refusal.contains("cannot describe table"), "{refusal}");
}

#[test]
fn help_names_every_flag() {
    let help = command(&["--help"]).output().unwrap().stdout;
    let help = String::from_utf8(help).unwrap();
    for flag in [
        "--port",
        "--dynamodb-port",
        "--dynamodb-host",
        "--data",
        "--endpoint-url",
        "--table",
        "--read-capacity",
        "--write-capacity",
        "--on-demand",
        "--no-create",
        "--ttl-attribute",
        "--session-timeout",
        "--sweep-every",
        "--dashes-in-applications",
        "--aws",
        "--ttl-extra-seconds",
        "--iam",
        "--max-wait",
    ] {
        assert!(help.contains(flag), "{flag}");
    }
}

/// The command `local sweep` on the DynamoDB of this `local`.
fn sweep(local: &Local, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    let url = format!("http://{}", local.dynamodb);
    command.args(["sweep", "--endpoint-url", &url]).args(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn a_sweep_by_hand_reports_what_it_did() {
    let local = Local::start(&[]);
    assert_eq!(local.ask("POST /apps/-/session"), "201");

    let output = sweep(&local, &["--segments", "2"]).output().unwrap();

    assert!(output.status.success(), "{output:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["scanned"], &report["complete"]), (&1.into(), &true.into()));
}

#[test]
fn a_sweep_by_hand_of_a_missing_table_fails_and_names_the_table() {
    let local = Local::start(&[]);

    let output = sweep(&local, &["--table", "NoSuchTable"]).output().unwrap();

    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("table NoSuchTable does not exist"), "{said}");
}

#[test]
fn ctrl_c_stops_a_sweep_by_hand_and_the_next_sweep_continues() {
    let local = Local::start(&[]);
    for application in 0..20 {
        assert_eq!(local.ask(&format!("POST /apps/{application}/session")), "201");
    }
    // To read a session costs half a unit, so the sweep takes several seconds.
    let mut child = sweep(&local, &["--read-units", "1", "--segments", "1"]).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    // This line shows that the sweep has begun.
    assert!(said.next().unwrap().unwrap().contains("scanned"));
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());

    let ended = child.wait_with_output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    let next = sweep(&local, &[]).output().unwrap();
    let next: serde_json::Value = serde_json::from_slice(&next.stdout).unwrap();

    assert!(ended.status.success());
    assert!(said.any(|line| line.unwrap().contains("the next sweep continues")));
    assert_eq!(report["complete"], false);
    assert_eq!((&next["complete"], &next["pass_started"]), (&true.into(), &report["pass_started"]));
}

#[test]
fn several_that_start_on_one_new_data_file_at_once_all_serve() {
    let file = temporary_file("at-once");
    let starting: Vec<_> = (0..4)
        .map(|_| {
            let data = file.to_str().unwrap().to_owned();
            std::thread::spawn(move || Local::start(&["--data", &data]))
        })
        .collect();

    let mut statuses = Vec::new();
    for local in starting {
        statuses.push(local.join().unwrap().ask("POST /apps/-/session"));
    }

    assert_eq!(statuses, ["201", "200", "200", "200"]);
}

#[test]
fn an_endpoint_that_is_no_url_is_refused_with_one_line_that_names_the_setting() {
    for flags in [["--endpoint-url", "127.0.0.1:8000"], ["--endpoint-url", "http://"]] {
        let said = command(&flags).output().unwrap();
        let said = String::from_utf8(said.stderr).unwrap();
        assert!(said.contains("--endpoint-url"), "{said}");
        assert!(said.contains("must be a URL"), "{said}");
    }
    for (variable, value) in [
        ("AWS_ENDPOINT_URL_DYNAMODB", "127.0.0.1:8000"),
        ("AWS_ENDPOINT_URL", "nonsense"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "http://"),
    ] {
        for command_line in [vec!["--aws"], vec!["sweep", "--aws"]] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
            command.args(&command_line).env("AWS_REGION", "us-east-1").env(variable, value);
            if command_line.len() == 1 {
                command.args(["--port", "0"]);
            }

            let Output { status, stderr, .. } = command.output().unwrap();

            let said = String::from_utf8(stderr).unwrap();
            assert_eq!((status.code(), said.lines().count()), (Some(1), 1), "{said}");
            assert!(said.contains(&format!("{variable} is {value:?}")), "{said}");
        }
    }
}

#[test]
fn an_empty_endpoint_is_absent() {
    let local = Local::start(&[]);
    let url = format!("http://{}", local.dynamodb);
    let mut sweep = Command::new(env!("CARGO_BIN_EXE_local"));
    sweep.args(["sweep", "--aws", "--endpoint-url", ""]);
    sweep.env("AWS_ENDPOINT_URL_DYNAMODB", "").env("AWS_ENDPOINT_URL", url);
    sweep.env("AWS_REGION", "us-east-1").env("AWS_ACCESS_KEY_ID", "x");
    sweep.env("AWS_SECRET_ACCESS_KEY", "x");

    let output = sweep.output().unwrap();

    assert!(output.status.success(), "{output:?}");
}

#[test]
fn an_address_of_another_machine_is_refused_and_the_error_names_the_option() {
    let said = command(&["--dynamodb-host", "192.0.2.1"]).output().unwrap();

    let said = String::from_utf8(said.stderr).unwrap();
    assert!(said.contains("--dynamodb-host 192.0.2.1: this machine does not"), "{said}");
}

#[test]
fn a_table_name_that_dynamodb_does_not_accept_is_refused() {
    let said = command(&["--table", "my table"]).output().unwrap();

    let said = String::from_utf8(said.stderr).unwrap();
    assert!(said.contains("--table") && said.contains("must be 3 to 255"), "{said}");
}

#[test]
fn another_machine_is_used_only_with_aws_and_then_no_table_is_created_and_nothing_is_swept() {
    for command_line in [&["--port", "0"][..], &["sweep"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
        let url = ["--endpoint-url", "http://dynamodb.example.com"];
        let Output { status, stderr, .. } = command.args(command_line).args(url).output().unwrap();
        let said = String::from_utf8(stderr).unwrap();
        assert!(!status.success() && said.contains("add --aws"), "{said}");
    }

    let embedded = Local::start(&[]);
    let url = format!("http://{}", embedded.dynamodb);
    let keys =
        [("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "x"), ("AWS_REGION", "us-east-1")];
    let missing = command(&["--aws", "--endpoint-url", &url, "--table", "Missing"])
        .envs(keys)
        .output()
        .unwrap();
    let said = String::from_utf8(missing.stderr).unwrap();
    assert!(said.contains("table Missing does not exist"), "{said}");
}

#[test]
fn it_listens_on_the_loopback_addresses_of_ipv4_and_ipv6() {
    let local = Local::start(&[]);
    for address in [&local.address, &local.dynamodb] {
        let port = address.rsplit(':').next().unwrap();
        TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        if TcpListener::bind("[::1]:0").is_ok() {
            TcpStream::connect(format!("[::1]:{port}")).unwrap();
        }
    }
}

#[test]
fn the_embedded_dynamodb_listens_elsewhere_only_if_it_is_asked_to() {
    // A second loopback address, which is not that of the default.
    let local = Local::start(&["--dynamodb-host", "127.0.0.2"]);
    assert!(local.dynamodb.starts_with("127.0.0.2:"), "{}", local.dynamodb);
    let port = local.dynamodb.rsplit(':').next().unwrap();
    TcpStream::connect(&local.dynamodb).unwrap();
    assert!(TcpStream::connect(format!("127.0.0.1:{port}")).is_err());
    assert_eq!(local.ask("POST /apps/-/session"), "201");

    let everywhere = Local::start(&["--dynamodb-host", "0.0.0.0"]);
    assert!(everywhere.dynamodb.starts_with("127.0.0.1:"), "{}", everywhere.dynamodb);
    let port = everywhere.dynamodb.rsplit(':').next().unwrap();
    TcpStream::connect(format!("127.0.0.2:{port}")).unwrap();
}
