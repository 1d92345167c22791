//! What can be said on the command line, and by environment variables.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{FalseyValueParser, RangedU64ValueParser};
use clap::{Parser, ValueEnum};
use http::Uri;
use serde::Deserialize as _;
use serde::de::value::{Error, StrDeserializer};
use tower_intake::config::Span;

const ABOUT: &str =
    "Reads NDJSON (one JSON object a line), posts it in batches, and accounts for every record.";

const LONG: &str = "\
Reads NDJSON (one JSON object a line), posts it in batches through the standard stack of tower-intake, and accounts \
for every record.

A batch that fails is sent again: after the delay that the server asks for, or a growing one. While the server asks to \
be left alone nobody sends; a rejected token is renewed. What cannot be delivered is kept as a dead letter.

Without --to, the batches go to a server that this program starts itself on the loopback, and that is hostile: it \
answers 503 and 429, revokes tokens, resets connections, breaks off answers, and counts what it received. With --seed \
its bad luck can be chosen.";

const AFTER: &str = "\
Exit status: 0 if the input was read to its end and every record was delivered, rejected or kept as a dead letter; 1 if \
not, or if something failed; 2 for bad usage.

Ctrl-C (or SIGTERM): nothing more is read, batches in flight have --grace to end, the rest become dead letters, and the \
summary is printed. A second one ends the grace.

Secrets come by environment variables alone:
  INGEST_TOKEN          a bearer token for --to
  INGEST_CLIENT_SECRET  the client's secret (or API key), together with --token-url and --client-id

Dead letters and audit events are appended to their files. Each has one JSON object a line.";

/// The options.
#[derive(Debug, Parser)]
#[command(name = "ingest", version, about = ABOUT, long_about = LONG, after_help = AFTER)]
pub(crate) struct Args {
    /// The NDJSON to read; `-` is standard input. Default: the earthquakes that come with the examples.
    #[arg(value_name = "FILE", env = "INGEST_INPUT")]
    pub(crate) input: Option<PathBuf>,

    /// Where batches are posted to. Default: a hostile server of our own.
    #[arg(long, value_name = "URL", env = "INGEST_TO")]
    pub(crate) to: Option<Uri>,

    /// Settings of the stack, as TOML: retry, gate, breaker, timeouts and the rest. Unless it says otherwise, answers
    /// are collected, batches carry an idempotency key, and a batch survives three rejected tokens.
    #[arg(long, value_name = "FILE", env = "INGEST_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// Records in a batch, at most.
    #[arg(long, value_name = "N", env = "INGEST_BATCH_RECORDS", default_value = "50", value_parser = number(1, 100_000))]
    pub(crate) batch_records: usize,

    /// Bytes in a batch, at most.
    #[arg(long, value_name = "BYTES", env = "INGEST_BATCH_BYTES", default_value = "475000", value_parser = number(2, 1 << 30))]
    pub(crate) batch_bytes: usize,

    /// Bytes in a record, at most; a longer one is rejected.
    #[arg(long, value_name = "BYTES", env = "INGEST_MAX_RECORD_BYTES", default_value = "32768", value_parser = number(2, 1 << 30))]
    pub(crate) max_record_bytes: usize,

    /// How long a batch waits for more records.
    #[arg(long, value_name = "TIME", env = "INGEST_LINGER", default_value = "500ms", value_parser = duration)]
    pub(crate) linger: Duration,

    /// Batches in flight, at most.
    #[arg(long, value_name = "N", env = "INGEST_CONCURRENCY", default_value = "8", value_parser = number(1, 10_000))]
    pub(crate) concurrency: usize,

    /// After Ctrl-C: how long batches in flight may take to end.
    #[arg(long, value_name = "TIME", env = "INGEST_GRACE", default_value = "5s", value_parser = duration)]
    pub(crate) grace: Duration,

    /// Of every random draw: of the hostile server's faults and of the jitter.
    #[arg(long, value_name = "N", env = "INGEST_SEED", default_value = "7")]
    pub(crate) seed: u64,

    /// Where records go that were rejected or could not be delivered.
    #[arg(long, value_name = "FILE", env = "INGEST_DEAD_LETTERS", default_value = "out/dead-letters.ndjson")]
    pub(crate) dead_letters: PathBuf,

    /// Where audit events go.
    #[arg(long, value_name = "FILE", env = "INGEST_AUDIT", default_value = "out/audit.ndjson")]
    pub(crate) audit: PathBuf,

    /// Where tokens for --to are fetched; needs --client-id and INGEST_CLIENT_SECRET.
    #[arg(long, value_name = "URL", env = "INGEST_TOKEN_URL", requires_all = ["to", "client_id"])]
    pub(crate) token_url: Option<String>,

    /// Who asks for tokens.
    #[arg(long, value_name = "ID", env = "INGEST_CLIENT_ID", requires = "token_url")]
    pub(crate) client_id: Option<String>,

    /// How tokens are asked for.
    #[arg(long, value_name = "KIND", env = "INGEST_GRANT", default_value = "oauth2")]
    pub(crate) grant: Grant,

    /// Says nothing on the way, only the summary.
    #[arg(long, short, env = "INGEST_QUIET", value_parser = FalseyValueParser::new())]
    pub(crate) quiet: bool,

    /// The summary as one JSON object.
    #[arg(long, env = "INGEST_JSON", value_parser = FalseyValueParser::new())]
    pub(crate) json: bool,
}

/// The kinds of token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Grant {
    /// OAuth 2.0 client credentials (RFC 6749 §4.4)
    Oauth2,
    /// the same as a JSON document, with `client_id` and `api_key`
    Json,
}

fn number(least: u64, most: u64) -> impl clap::builder::TypedValueParser<Value = usize> {
    use clap::builder::TypedValueParser as _;
    RangedU64ValueParser::<u64>::new().range(least..=most).try_map(usize::try_from)
}

/// As in the file of `--config`: `500ms`, `5s`, `1m30s`.
fn duration(text: &str) -> Result<Duration, Error> {
    Span::deserialize(StrDeserializer::<Error>::new(text)).map(Duration::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn every_option_has_its_variable() {
        let command = Args::command();
        command.clone().debug_assert();
        for option in
            command.get_arguments().filter(|option| !matches!(option.get_id().as_str(), "help" | "version"))
        {
            let name = match option.get_id().as_str() {
                "input" => "INGEST_INPUT".to_owned(),
                id => format!("INGEST_{}", id.to_uppercase()),
            };
            assert_eq!(option.get_env().and_then(|env| env.to_str()), Some(name.as_str()));
        }
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(duration("500ms").unwrap(), Duration::from_millis(500));
        assert!(duration("5").unwrap_err().to_string().contains("with its unit"));
    }

    #[test]
    fn numbers_have_bounds() {
        let parse = |line: &[&str]| Args::try_parse_from([&["ingest"], line].concat());
        assert!(parse(&["--concurrency", "0"]).unwrap_err().to_string().contains("--concurrency"));
        assert!(parse(&["--batch-records", "7"]).is_ok_and(|args| args.batch_records == 7));
        assert!(parse(&["--client-id", "me"]).unwrap_err().to_string().contains("--token-url"));
    }
}
