//! The audit trail: every event of every layer, as JSON lines in a file.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tower_intake::audit::{JsonLines, json_lines};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};

use crate::dead_letters::append;

#[derive(Debug)]
pub(crate) struct Trail {
    path: PathBuf,
    lines: JsonLines<BufWriter<File>>,
}

impl Trail {
    /// From now on all events go to the file, until the program ends.
    pub(crate) fn open(path: PathBuf) -> anyhow::Result<Self> {
        let file =
            append(&path).with_context(|| format!("{}: cannot write audit events there", path.display()))?;
        let lines = json_lines(BufWriter::new(file));
        let ours = Targets::new().with_target("tower_intake", LevelFilter::INFO);
        tracing::subscriber::set_global_default(
            tracing_subscriber::registry().with(lines.clone().with_filter(ours)),
        )
        .context("audit events cannot be had")?;
        Ok(Self { path, lines })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn written(&self) -> u64 {
        self.lines.written()
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// The file cannot be written, now or at any time before.
    pub(crate) fn flush(&self) -> Result<(), String> {
        let flushed = self.lines.flush();
        match (flushed, self.lines.lost()) {
            (Ok(()), 0) => Ok(()),
            (Ok(()), lost) => {
                Err(format!("{}: {lost} audit events could not be written", self.path.display()))
            }
            (Err(error), _) => {
                Err(format!("{}: audit events cannot be written: {error}", self.path.display()))
            }
        }
    }
}
