//! The end of a run, as a table or as JSON.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::counts::Counts;
use crate::ours::Testimony;
use crate::tally::Traffic;

/// What is told at the end.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// Whether the input was read to its end, every record is accounted for, and nothing else went wrong.
    pub(crate) complete: bool,
    /// Whether every record that was read is accounted for.
    pub(crate) accounted: bool,
    pub(crate) read: u64,
    pub(crate) rejected: u64,
    /// As the server counted them where it is our own, else as it acknowledged them.
    pub(crate) delivered: u64,
    pub(crate) dead_lettered: u64,
    /// Neither delivered nor kept.
    pub(crate) lost: u64,
    pub(crate) batches: u64,
    pub(crate) batches_delivered: u64,
    /// `None`: the audit trail is off.
    pub(crate) traffic: Option<Traffic>,
    /// Tokens fetched, the first included. `None`: nothing is renewed here.
    pub(crate) tokens: Option<u64>,
    pub(crate) breaker_openings: u64,
    pub(crate) server: Option<Testimony>,
    pub(crate) elapsed: Duration,
    pub(crate) records_per_second: f64,
    pub(crate) dead_letters: String,
    pub(crate) audit: String,
    pub(crate) audit_events: u64,
    /// Why the exit status is not 0.
    pub(crate) problems: Vec<String>,
}

impl Summary {
    #[expect(clippy::too_many_arguments, reason = "it is where all ends meet")]
    pub(crate) fn new(
        counts: Counts,
        traffic: Option<Traffic>,
        tokens: Option<u64>,
        breaker_openings: u64,
        server: Option<Testimony>,
        elapsed: Duration,
        (dead_letters, audit, audit_events): (&Path, &Path, u64),
        mut problems: Vec<String>,
    ) -> Self {
        // what our own server has counts, not what we believe that it has
        let delivered =
            server.as_ref().map_or(counts.delivered, |server| server.records.saturating_sub(server.in_doubt));
        let discrepancies = discrepancies(&counts, delivered, server.as_ref());
        let accounted = discrepancies.is_empty();
        problems.extend(discrepancies);
        Self {
            complete: problems.is_empty(),
            accounted,
            read: counts.read,
            rejected: counts.rejected,
            delivered,
            dead_lettered: counts.dead,
            lost: counts.lost,
            batches: counts.batches,
            batches_delivered: counts.batches_delivered,
            traffic,
            tokens,
            breaker_openings,
            server,
            elapsed,
            records_per_second: delivered as f64 / elapsed.as_secs_f64().max(0.001),
            dead_letters: dead_letters.display().to_string(),
            audit: audit.display().to_string(),
            audit_events,
            problems,
        }
    }

    pub(crate) fn json(&self) -> String {
        // every field of it can be written
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Where the books do not agree with themselves, or with the server's.
fn discrepancies(counts: &Counts, delivered: u64, server: Option<&Testimony>) -> Vec<String> {
    let mut found = Vec::new();
    let accounted = delivered + counts.rejected + counts.dead;
    if counts.read != accounted {
        found.push(format!("{} records were read, {accounted} are accounted for", counts.read));
    }
    if counts.lost > 0 {
        found.push(format!("{} records were neither delivered nor kept", counts.lost));
    }
    if let Some(server) = server {
        if delivered != counts.delivered {
            found.push(format!(
                "{} records were acknowledged, the server counts {delivered}",
                counts.delivered
            ));
        }
        for (count, what) in
            [(server.missing, "that were acknowledged are missing"), (server.duplicates, "came twice")]
        {
            if count > 0 {
                found.push(format!("{count} records {what} at the server"));
            }
        }
    }
    found
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |name: &str, value: &dyn fmt::Display, remark: &str| {
            let line = format!("{name:<26}{value:>10}  {remark}");
            writeln!(f, "{}", line.trim_end())
        };
        let by = if self.server.is_some() {
            "exactly once, as the server counted them"
        } else {
            "as the server acknowledged them"
        };
        row("records read", &self.read, "")?;
        row("  delivered", &self.delivered, by)?;
        row("  rejected", &self.rejected, "no JSON object, or too long")?;
        row("  dead-lettered", &self.dead_lettered, "")?;
        if self.lost > 0 {
            row("  lost", &self.lost, "neither delivered nor kept")?;
        }
        row("batches", &self.batches, &format!("{} delivered", self.batches_delivered))?;
        if let Some(traffic) = &self.traffic {
            row("attempts", &traffic.attempts, "")?;
            let retries = traffic.retries;
            row("retries", &retries.total(), "")?;
            row("  throttled", &retries.throttled, "429, or a row of your own")?;
            row("  server", &retries.server, "503 and its like")?;
            row("  transport", &retries.transport, "resets, answers that broke off, timeouts")?;
            row("  re-authentication", &retries.token, "a token was rejected")?;
            let refused = &traffic.refused;
            row(
                "held back before sending",
                &(refused.by_gate + refused.by_breaker + refused.by_others),
                &format!(
                    "{} by the breaker, {} by the gate, {} by others",
                    refused.by_breaker, refused.by_gate, refused.by_others
                ),
            )?;
            if traffic.cancelled > 0 {
                row("cancelled on the way", &traffic.cancelled, "")?;
            }
            row("waits", &"", "summed over batches, which wait together")?;
            let waits = &traffic.waits;
            row("  backoff", &Seconds(waits.backoff), "after a failure")?;
            row("  rate limited", &Seconds(waits.told), "Retry-After, for the batch that met it")?;
            row("  at the gate", &Seconds(waits.held), "for all others, and for tokens")?;
            row("  open breaker", &Seconds(waits.refused), "until another try")?;
        }
        if let Some(tokens) = self.tokens {
            row("token refreshes", &tokens.saturating_sub(1), &format!("{tokens} tokens in all"))?;
        }
        row("breaker openings", &self.breaker_openings, "")?;
        if let Some(server) = &self.server {
            row("the server saw", &server.requests, "requests with a batch")?;
            row("  faults injected", &server.faults, "")?;
            row("  batches repeated", &server.repeated_batches, "known by their key, and not counted again")?;
            row("  refused while closed", &server.refused_while_closed, "most on their way when it closed")?;
            row("  rate violations", &server.rate_violations, "requests against its word")?;
            if server.in_doubt > 0 {
                row("  in doubt", &server.in_doubt, "dead-lettered, but received: the answers were lost")?;
            }
        }
        row("time", &Seconds(self.elapsed), &format!("{:.0} records a second", self.records_per_second))?;
        writeln!(f, "dead letters: {}", self.dead_letters)?;
        writeln!(f, "audit events: {} ({} of this run)", self.audit, self.audit_events)?;
        let verdict = match (self.accounted, self.complete) {
            (true, true) => "Every record is accounted for.",
            (true, false) => "Every record that was read is accounted for, but not all went well.",
            (false, _) => "NOT every record is accounted for.",
        };
        f.write_str(verdict)
    }
}

struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:.1} s", self.0.as_secs_f64()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(counts: Counts, server: Option<(u64, u64, u64, u64)>) -> usize {
        let server = server.map(|(records, duplicates, missing, in_doubt)| Testimony {
            records,
            duplicates,
            missing,
            in_doubt,
            repeated_batches: 0,
            requests: 0,
            faults: 0,
            unauthorized: 0,
            tokens_issued: 0,
            refused_while_closed: 0,
            rate_violations: 0,
        });
        let delivered = server.as_ref().map_or(counts.delivered, |server| server.records - server.in_doubt);
        discrepancies(&counts, delivered, server.as_ref()).len()
    }

    #[test]
    fn the_books_must_agree() {
        let fine = Counts { read: 10, rejected: 1, delivered: 7, dead: 2, ..Counts::default() };
        assert_eq!(found(fine, None), 0);
        assert_eq!(found(fine, Some((7, 0, 0, 0))), 0);
        assert_eq!(found(fine, Some((9, 0, 0, 2))), 0, "both dead letters had arrived");
        assert_eq!(found(fine, Some((7, 1, 0, 0))), 1, "one came twice");
        assert_eq!(found(fine, Some((6, 0, 1, 0))), 3, "one is missing");
        assert_eq!(found(Counts { read: 11, ..fine }, None), 1);
        assert_eq!(found(Counts { read: 12, lost: 2, ..fine }, None), 2);
    }
}
