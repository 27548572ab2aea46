//! The command line.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use functions::DEFAULT_MAX_WAIT;
use session_store::SessionTimeout;

use crate::endpoint::{self, Endpoint};
use crate::iam::Signer;
use crate::sweep::SweepArgs;

/// Run the session service on this machine with an embedded DynamoDB, without an AWS account
#[derive(Debug, Clone, Parser)]
#[command(version, about, max_term_width = 100, args_conflicts_with_subcommands = true)]
pub struct Options {
    /// The command. `None`: run the service.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Port of the service on 127.0.0.1 and ::1; 0 takes any free port
    #[arg(long, default_value_t = 3000)]
    pub port: u16,

    /// Port of the embedded DynamoDB on 127.0.0.1 and ::1; 0 takes any free port
    #[arg(long, default_value_t = 8000, conflicts_with = "endpoint_url")]
    pub dynamodb_port: u16,

    /// Address on which the embedded DynamoDB listens, instead of 127.0.0.1 and ::1; 0.0.0.0 lets
    /// containers reach it, and every machine of the network
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["endpoint_url", "aws"])]
    pub dynamodb_host: Option<IpAddr>,

    /// File in which the embedded DynamoDB keeps its data; without it, a restart loses all sessions
    #[arg(long, value_name = "FILE", conflicts_with = "endpoint_url")]
    pub data: Option<PathBuf>,

    /// Use the DynamoDB at this URL of this machine instead of the embedded one; if
    /// AWS_ACCESS_KEY_ID or AWS_PROFILE is set, use those credentials
    #[arg(long, value_name = "URL", value_parser = endpoint::url)]
    pub endpoint_url: Option<Endpoint>,

    /// Use a table on AWS, or at an --endpoint-url on another machine: with the region and
    /// credentials of the environment or profile, without creating the table and without sweeps
    #[arg(long, conflicts_with_all = ["dynamodb_port", "data"])]
    pub aws: bool,

    /// Name of the table, which is created if it does not exist
    #[arg(long, value_name = "NAME", default_value = "ASP.NET_SessionState", value_parser = endpoint::table)]
    pub table: String,

    /// Read capacity units per second of the table, if it is created
    #[arg(long, value_name = "UNITS", default_value_t = 10, value_parser = clap::value_parser!(i64).range(1..))]
    pub read_capacity: i64,

    /// Write capacity units per second of the table, if it is created
    #[arg(long, value_name = "UNITS", default_value_t = 5, value_parser = clap::value_parser!(i64).range(1..))]
    pub write_capacity: i64,

    /// Create the table with on-demand capacity
    #[arg(long, conflicts_with_all = ["read_capacity", "write_capacity"])]
    pub on_demand: bool,

    /// Stop if the table does not exist, instead of creating it
    #[arg(long)]
    pub no_create: bool,

    /// Attribute that DynamoDB's TTL reads; '' writes no TTL attribute
    #[arg(long, value_name = "NAME", default_value = "ExpTTL")]
    pub ttl_attribute: String,

    /// How many seconds after a session has expired TTL may delete it
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub ttl_extra_seconds: u32,

    /// Timeout of a session that has none of its own, in minutes (1 to 525600)
    #[arg(long, value_name = "MINUTES", default_value_t)]
    pub session_timeout: SessionTimeout,

    /// Allow dashes in application names, and not in session ids
    #[arg(long)]
    pub dashes_in_applications: bool,

    /// Accept only requests that are signed with these credentials (Signature Version 4), without a
    /// check of permissions
    #[arg(long, value_name = "ACCESS_KEY_ID:SECRET_ACCESS_KEY")]
    pub iam: Option<Signer>,

    /// How many seconds a lock waits for a locked session at most (0 to 15)
    #[arg(long, value_name = "SECONDS", default_value_t = DEFAULT_MAX_WAIT.as_secs(), value_parser = clap::value_parser!(u64).range(..=15))]
    pub max_wait: u64,

    /// Seconds between two sweeps, which also run TTL deletion in the embedded DynamoDB; 0 turns
    /// both off
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub sweep_every: u64,
}

/// What `local` can do instead of running the service.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Delete expired sessions from a table now
    Sweep(SweepArgs),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Options::command().debug_assert();
    }

    #[test]
    fn invalid_values_are_refused() {
        for bad in [
            ["--session-timeout", "0"],
            ["--session-timeout", "525601"],
            ["--port", "70000"],
            ["--read-capacity", "0"],
            ["--sweep-every", "-1"],
            ["--iam", "no-secret"],
            ["--endpoint-url", "127.0.0.1:8000"],
            ["--table", "my table"],
            ["--dynamodb-host", "everywhere"],
        ] {
            assert!(Options::try_parse_from(["local"].into_iter().chain(bad)).is_err(), "{bad:?}");
        }
        for bad in [["--segments", "65"], ["--read-units", "0"], ["--ghosts-after", "0"]] {
            let words = ["local", "sweep"].into_iter().chain(bad);
            assert!(Options::try_parse_from(words).is_err(), "{bad:?}");
        }
    }
}
