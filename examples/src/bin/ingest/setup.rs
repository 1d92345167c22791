//! What was asked for, checked before anything begins.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use http::header::HeaderName;
use tower_intake::config::{CollectConfig, IdempotencyKeyConfig, Part, StackConfig};
use tower_intake::stack::Stack;
use tower_intake_core::{CorrelationId, Random, StatusTable, WallClock};

use crate::batch::Filling;
use crate::cli::Args;
use crate::destination::Destination;
use crate::input::Source;

/// A run that can begin.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) source: Source,
    pub(crate) max_record_bytes: usize,
    pub(crate) filling: Filling,
    pub(crate) linger: Duration,
    pub(crate) concurrency: usize,
    pub(crate) grace: Duration,
    pub(crate) seed: u64,
    pub(crate) config: StackConfig,
    pub(crate) stack: Stack,
    pub(crate) table: StatusTable,
    pub(crate) key_header: HeaderName,
    pub(crate) id_header: HeaderName,
    pub(crate) destination: Destination,
    pub(crate) dead_letters: PathBuf,
    pub(crate) audit: PathBuf,
    pub(crate) quiet: bool,
}

impl Setup {
    /// # Errors
    /// Whatever is wrong with the usage; the text names the option or the key of the file.
    pub(crate) fn new(args: Args) -> anyhow::Result<Self> {
        ensure!(
            args.max_record_bytes < args.batch_bytes,
            "--max-record-bytes {} must be less than --batch-bytes {}",
            args.max_record_bytes,
            args.batch_bytes
        );
        let config = match &args.config {
            Some(path) => read(path).with_context(|| format!("--config {}", path.display()))?,
            None => with_our_defaults(StackConfig::default(), |_| false),
        };
        let stack =
            Stack::with(&config, Random::seeded(args.seed), WallClock::system()).context("--config")?;
        let table = config.status.table().context("--config")?;
        // the stack has read both names already
        let key_header = match config.idempotency_key.on() {
            Some(key) => key.header.parse().context("--config: idempotency_key.header")?,
            None => HeaderName::from_static("idempotency-key"),
        };
        let id_header = match config.audit.on() {
            Some(audit) => audit.correlation_header.parse().context("--config: audit.correlation_header")?,
            None => CorrelationId::HEADER,
        };
        let grant = args.token_url.zip(args.client_id).map(|(url, id)| (args.grant, url, id));
        let destination = match args.to {
            Some(uri) => Destination::theirs(uri, grant, &config)?,
            None => Destination::Ours,
        };
        Ok(Self {
            source: Source::open(args.input)?,
            max_record_bytes: args.max_record_bytes,
            filling: Filling::new(args.batch_records, args.batch_bytes),
            linger: args.linger,
            concurrency: args.concurrency,
            grace: args.grace,
            seed: args.seed,
            config,
            stack,
            table,
            key_header,
            id_header,
            destination,
            dead_letters: args.dead_letters,
            audit: args.audit,
            quiet: args.quiet,
        })
    }
}

/// How many rejected tokens a batch survives: a server that revokes one while the next is being fetched does so twice
/// to everybody who waits.
const MAX_ROTATIONS: u32 = 3;

fn read(path: &Path) -> anyhow::Result<StackConfig> {
    let text = std::fs::read_to_string(path)?;
    let config: StackConfig = toml::from_str(&text)?;
    let said: toml::Value = toml::from_str(&text)?;
    Ok(with_our_defaults(config, |path| path.iter().try_fold(&said, |value, key| value.get(key)).is_some()))
}

/// What this program needs is on unless the file says otherwise.
fn with_our_defaults(mut config: StackConfig, said: impl Fn(&[&str]) -> bool) -> StackConfig {
    if !said(&["collect"]) {
        config.collect = Part::On(CollectConfig::default());
    }
    if !said(&["idempotency_key"]) {
        config.idempotency_key = Part::On(IdempotencyKeyConfig::default());
    }
    if let Part::On(retry) = &mut config.retry
        && !said(&["retry", "max_rotations"])
    {
        retry.max_rotations = MAX_ROTATIONS;
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_the_last_word() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stack.toml");
        let ours = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let config = read(&path).unwrap();
            let rotations = config.retry.on().map(|retry| retry.max_rotations);
            (config.collect.on().is_some(), config.idempotency_key.on().is_some(), rotations)
        };
        assert_eq!(ours(""), (true, true, Some(3)));
        assert_eq!(ours("[retry]\nmax_retries = 2"), (true, true, Some(3)));
        assert_eq!(
            ours("collect = false\nidempotency_key = false\nretry.max_rotations = 0"),
            (false, false, Some(0))
        );
        assert_eq!(ours("retry = false"), (true, true, None));
    }
}
