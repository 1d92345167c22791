//! What is shown on the way: a bar on a terminal, a line a second elsewhere.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use crate::counts::Counts;

/// On standard error.
#[derive(Debug)]
pub(crate) struct Progress {
    kind: Kind,
    started: Instant,
}

#[derive(Debug)]
enum Kind {
    Quiet,
    Lines,
    Bar(ProgressBar),
}

/// One look at the run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    pub(crate) counts: Counts,
    pub(crate) in_flight: usize,
    pub(crate) retries: u64,
    /// Bytes of the input that were read.
    pub(crate) bytes: u64,
}

impl Progress {
    /// How often it is to be shown.
    pub(crate) const BAR: Duration = Duration::from_millis(100);
    pub(crate) const LINE: Duration = Duration::from_secs(1);

    pub(crate) fn new(quiet: bool, length: Option<u64>) -> Self {
        let kind = if quiet {
            Kind::Quiet
        } else if std::io::stderr().is_terminal() {
            Kind::Bar(bar(length))
        } else {
            Kind::Lines
        };
        Self { kind, started: Instant::now() }
    }

    pub(crate) fn period(&self) -> Duration {
        if matches!(self.kind, Kind::Bar(_)) { Self::BAR } else { Self::LINE }
    }

    /// Says something that matters, above the bar.
    pub(crate) fn say(&self, text: &str) {
        match &self.kind {
            Kind::Bar(bar) => bar.suspend(|| eprintln!("{text}")),
            Kind::Lines | Kind::Quiet => eprintln!("{text}"),
        }
    }

    /// Says something that is only of interest.
    pub(crate) fn note(&self, text: &str) {
        if !matches!(self.kind, Kind::Quiet) {
            self.say(text);
        }
    }

    pub(crate) fn show(&self, view: &View) {
        match &self.kind {
            Kind::Quiet => {}
            Kind::Lines => eprintln!("{:>4} s  {}", self.started.elapsed().as_secs(), text(view)),
            Kind::Bar(bar) => {
                bar.set_position(settled(view));
                bar.set_message(text(view));
                bar.tick();
            }
        }
    }

    pub(crate) fn end(&self) {
        if let Kind::Bar(bar) = &self.kind {
            bar.finish_and_clear();
        }
    }
}

fn bar(length: Option<u64>) -> ProgressBar {
    let (bar, template) = match length {
        Some(length) => (ProgressBar::new(length), "{elapsed:>4} [{bar:30}] {percent:>3}%  {msg}"),
        None => (ProgressBar::new_spinner(), "{elapsed:>4} {spinner}  {msg}"),
    };
    // the templates are ours, and right; a bar without style would do as well
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style.progress_chars("=> "))
}

/// Bytes of the input whose records are accounted for, about: records are taken to be of one length.
fn settled(view: &View) -> u64 {
    let (done, read) = (view.counts.read - view.counts.pending(), view.counts.read.max(1));
    u64::try_from(u128::from(view.bytes) * u128::from(done) / u128::from(read)).unwrap_or(u64::MAX)
}

fn text(view: &View) -> String {
    let Counts { read, rejected, delivered, dead, .. } = view.counts;
    let mut text = format!(
        "{delivered} of {read} delivered, {} batches in flight, {} retries",
        view.in_flight, view.retries
    );
    for (count, name) in [(dead, "dead-lettered"), (rejected, "rejected")] {
        if count > 0 {
            text.push_str(&format!(", {count} {name}"));
        }
    }
    text
}
