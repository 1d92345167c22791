use std::error::Error;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use http::StatusCode;

use crate::classify::Classify;
use crate::error::find;
use crate::outcome::Outcome;
use crate::permanent::Permanent;
use crate::refused::Refused;
use crate::reply::Reply;
use crate::timed_out::TimedOut;

const LOWEST: u16 = 100;
const ROWS: usize = 500;

/// What each status means, row by row; the default [`Classify`].
///
/// | answer | outcome |
/// |---|---|
/// | 200–299 | Success |
/// | 1xx, 3xx | Permanent |
/// | 401 | Unauthorized |
/// | 408, 425, 5xx but 501, 505, 511 | Transient |
/// | 429 | Throttled |
/// | everything else, ≥ 600 too | Permanent |
/// | an error | Refused if a layer of ours said no; Permanent for an untrusted certificate, a bad URI, a body of ours that failed; else Transient |
///
/// An answer that carries auth's [`Rotated`](crate::Rotated) mark is Unauthorized whatever its row.
///
/// Edit single rows with [`StatusTable::builder`]; the others stay.
///
/// ```
/// use tower_intake_core::{Outcome, StatusTable};
///
/// let table = StatusTable::builder().retry(410).retry(460).permanent(500).success(300..=399).build()?;
/// assert_eq!(table.status(460), Outcome::Transient);
/// assert_eq!(table.status(500), Outcome::Permanent);
/// assert_eq!(table.status(304), Outcome::Success);
/// assert_eq!(table.status(503), Outcome::Transient); // untouched
/// # Ok::<(), tower_intake_core::StatusTableError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct StatusTable {
    /// `None`: the default, which is code and needs no memory.
    rows: Option<Arc<[Outcome; ROWS]>>,
}

impl StatusTable {
    /// Starts from the default rows.
    pub fn builder() -> StatusTableBuilder {
        StatusTableBuilder::default()
    }

    /// The row of `status`; what is not in 100–599 is Permanent.
    #[inline]
    pub fn status(&self, status: u16) -> Outcome {
        match &self.rows {
            None => default_row(status),
            Some(rows) => status
                .checked_sub(LOWEST)
                .and_then(|index| rows.get(usize::from(index)).copied())
                .unwrap_or(Outcome::Permanent),
        }
    }
}

const fn default_row(status: u16) -> Outcome {
    match status {
        200..=299 => Outcome::Success,
        401 => Outcome::Unauthorized,
        429 => Outcome::Throttled,
        408 | 425 => Outcome::Transient,
        501 | 505 | 511 => Outcome::Permanent,
        500..=599 => Outcome::Transient,
        _ => Outcome::Permanent,
    }
}

fn of_error(error: &(dyn Error + 'static)) -> Outcome {
    if find::<Refused>(error).is_some() {
        return Outcome::Refused;
    }
    if find::<Permanent>(error).is_some() {
        return Outcome::Permanent;
    }
    if find::<TimedOut>(error).is_some() {
        return Outcome::Transient;
    }
    #[cfg(feature = "hyper")]
    if crate::hyper_errors::is_ours(error) {
        return Outcome::Permanent;
    }
    Outcome::Transient
}

impl Classify for StatusTable {
    fn classify(&self, reply: Reply<'_>) -> Outcome {
        match reply {
            Reply::Answer { .. } if reply.is_rotated() => Outcome::Unauthorized,
            Reply::Answer { status, .. } => self.status(status.as_u16()),
            Reply::Error(error) => of_error(error),
        }
    }
}

impl fmt::Debug for StatusTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for status in LOWEST..=599 {
            if self.status(status) != default_row(status) {
                map.entry(&status, &self.status(status));
            }
        }
        map.finish()
    }
}

/// One status or a range of them, for the rows of a [`StatusTable`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codes(RangeInclusive<u16>);

impl Codes {
    /// The first and the last status.
    pub fn bounds(&self) -> (u16, u16) {
        (*self.0.start(), *self.0.end())
    }
}

impl From<u16> for Codes {
    fn from(code: u16) -> Self {
        Self(code..=code)
    }
}

impl From<StatusCode> for Codes {
    fn from(code: StatusCode) -> Self {
        code.as_u16().into()
    }
}

impl From<RangeInclusive<u16>> for Codes {
    fn from(range: RangeInclusive<u16>) -> Self {
        Self(range)
    }
}

/// Edits rows of a [`StatusTable`].
#[derive(Clone, Debug, Default)]
pub struct StatusTableBuilder {
    edits: Vec<(List, Codes)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    Retry,
    Permanent,
    Success,
    Throttled,
}

impl List {
    fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Permanent => "permanent",
            Self::Success => "success",
            Self::Throttled => "throttled",
        }
    }

    fn edit(self, row: Outcome) -> Outcome {
        match (self, row) {
            // a throttled row is retried already, and more gently
            (Self::Retry, Outcome::Throttled) => Outcome::Throttled,
            (Self::Retry, _) => Outcome::Transient,
            (Self::Permanent, _) => Outcome::Permanent,
            (Self::Success, _) => Outcome::Success,
            (Self::Throttled, _) => Outcome::Throttled,
        }
    }
}

impl StatusTableBuilder {
    /// These are worth another try: Transient. A row that is Throttled stays so.
    #[must_use]
    pub fn retry(self, codes: impl Into<Codes>) -> Self {
        self.edit(List::Retry, codes.into())
    }

    /// These will fail again: Permanent. Such a row beats a Retry-After.
    #[must_use]
    pub fn permanent(self, codes: impl Into<Codes>) -> Self {
        self.edit(List::Permanent, codes.into())
    }

    /// These are what was asked for: Success.
    #[must_use]
    pub fn success(self, codes: impl Into<Codes>) -> Self {
        self.edit(List::Success, codes.into())
    }

    /// These ask for fewer requests: Throttled.
    #[must_use]
    pub fn throttled(self, codes: impl Into<Codes>) -> Self {
        self.edit(List::Throttled, codes.into())
    }

    fn edit(mut self, list: List, codes: Codes) -> Self {
        self.edits.push((list, codes));
        self
    }

    /// The table.
    ///
    /// # Errors
    /// A status outside 100–599, a range that ends before it begins, a status in two lists.
    pub fn build(self) -> Result<StatusTable, StatusTableError> {
        if self.edits.is_empty() {
            return Ok(StatusTable::default());
        }
        let mut rows = [Outcome::Permanent; ROWS];
        for (status, row) in (LOWEST..).zip(rows.iter_mut()) {
            *row = default_row(status);
        }
        let mut edited: [Option<List>; ROWS] = [None; ROWS];
        for (list, codes) in self.edits {
            let (first, last) = codes.bounds();
            if first < LOWEST || usize::from(last) >= usize::from(LOWEST) + ROWS {
                return Err(StatusTableError::new(list, first, last, "a status is between 100 and 599"));
            }
            if first > last {
                return Err(StatusTableError::new(
                    list,
                    first,
                    last,
                    "a range ends where it begins or later",
                ));
            }
            for status in first..=last {
                let index = usize::from(status - LOWEST);
                match edited[index] {
                    Some(other) if other != list => {
                        return Err(StatusTableError::twice(list, other, status));
                    }
                    _ => edited[index] = Some(list),
                }
                rows[index] = list.edit(rows[index]);
            }
        }
        Ok(StatusTable { rows: Some(Arc::new(rows)) })
    }
}

/// An edit of a [`StatusTable`] makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusTableError {
    list: &'static str,
    text: String,
}

impl StatusTableError {
    fn new(list: List, first: u16, last: u16, must: &str) -> Self {
        let codes = if first == last { first.to_string() } else { format!("{first}-{last}") };
        Self { list: list.name(), text: format!("{codes}: {must}") }
    }

    fn twice(list: List, other: List, status: u16) -> Self {
        Self {
            list: list.name(),
            text: format!("{status} stands in `{}` too; name it in one list", other.name()),
        }
    }

    /// The list that holds the mistake: `retry`, `permanent`, `success` or `throttled`.
    pub fn field(&self) -> &'static str {
        self.list
    }
}

impl fmt::Display for StatusTableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.list, self.text)
    }
}

impl Error for StatusTableError {}
