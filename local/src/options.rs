//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use functions::DEFAULT_MAX_WAIT;
use session_store::SessionTimeout;

use crate::iam::Signer;
use crate::sweep::SweepOptions;

/// The session service on this machine, over an embedded DynamoDB: no AWS account needed.
#[derive(Debug, Clone, Parser)]
#[command(version, about, max_term_width = 100, args_conflicts_with_subcommands = true)]
pub struct Options {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Port of the service on 127.0.0.1; 0 takes any that is free
    #[arg(long, default_value_t = 3000)]
    pub port: u16,

    /// Port of the embedded DynamoDB on 127.0.0.1; 0 takes any that is free
    #[arg(long, default_value_t = 8000, conflicts_with = "endpoint_url")]
    pub dynamodb_port: u16,

    /// File for the embedded DynamoDB, so that sessions survive a restart; without it, memory
    #[arg(long, value_name = "FILE", conflicts_with = "endpoint_url")]
    pub data: Option<PathBuf>,

    /// Use the DynamoDB at this URL instead of the embedded one; credentials come from the AWS
    /// environment or profile, if one is set
    #[arg(long, value_name = "URL")]
    pub endpoint_url: Option<String>,

    /// The table; made if it is missing
    #[arg(long, value_name = "NAME", default_value = "ASP.NET_SessionState")]
    pub table: String,

    /// Read capacity units of a table that is made
    #[arg(long, value_name = "UNITS", default_value_t = 10, value_parser = clap::value_parser!(i64).range(1..))]
    pub read_capacity: i64,

    /// Write capacity units of a table that is made
    #[arg(long, value_name = "UNITS", default_value_t = 5, value_parser = clap::value_parser!(i64).range(1..))]
    pub write_capacity: i64,

    /// Make the table with on-demand capacity
    #[arg(long, conflicts_with_all = ["read_capacity", "write_capacity"])]
    pub on_demand: bool,

    /// Do not make a missing table; stop instead
    #[arg(long)]
    pub no_create: bool,

    /// Attribute by which TTL deletes; '' for none
    #[arg(long, value_name = "NAME", default_value = "ExpTTL")]
    pub ttl_attribute: String,

    /// How long a session lives untouched that was not told otherwise, in minutes (1 to 525600)
    #[arg(long, value_name = "MINUTES", default_value_t)]
    pub session_timeout: SessionTimeout,

    /// Session ids may have dashes, and then one could name a session of another application
    #[arg(long)]
    pub allow_dashes: bool,

    /// Ask for requests signed with Signature Version 4 by these credentials, as the deployed service
    /// does; what they are allowed is not asked
    #[arg(long, value_name = "ACCESS_KEY_ID:SECRET_ACCESS_KEY")]
    pub iam: Option<Signer>,

    /// The longest that a lock waits for a held session, in seconds (0 to 15)
    #[arg(long, value_name = "SECONDS", default_value_t = DEFAULT_MAX_WAIT.as_secs(), value_parser = clap::value_parser!(u64).range(..=15))]
    pub max_wait: u64,

    /// How often the sweep runs, and TTL deletion in the embedded DynamoDB, in seconds; 0 for never
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub sweep_every: u64,
}

/// What else there is to do than serve.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// A sweep by hand.
    Sweep(SweepOptions),
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
    fn values_that_cannot_be_used_are_refused() {
        for bad in [
            ["--session-timeout", "0"],
            ["--session-timeout", "525601"],
            ["--port", "70000"],
            ["--read-capacity", "0"],
            ["--sweep-every", "-1"],
            ["--iam", "no-secret"],
        ] {
            assert!(Options::try_parse_from(["local"].into_iter().chain(bad)).is_err(), "{bad:?}");
        }
        for bad in [["--segments", "65"], ["--read-units", "0"], ["--ghosts-after", "0"]] {
            let words = ["local", "sweep"].into_iter().chain(bad);
            assert!(Options::try_parse_from(words).is_err(), "{bad:?}");
        }
    }
}
