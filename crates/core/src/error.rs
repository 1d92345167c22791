//! Finding a type in a chain of errors.

use std::error::Error;
use std::io;

/// The error type of a layer that can refuse or fail.
pub type BoxError = Box<dyn Error + Send + Sync + 'static>;

/// The first `T` in the chain of `error`, itself included.
///
/// Walks [`Error::source`], and looks into what a [`std::io::Error`] carries: std's own `source()` skips it.
///
/// ```
/// use tower_intake_core::{Refused, error};
///
/// let inner = Refused::new("gate");
/// let outer = std::io::Error::other(inner);
/// assert!(error::find::<Refused>(&outer).is_some());
/// ```
pub fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    chain(error).find_map(|link| link.downcast_ref::<T>())
}

/// Every error in the chain of `error`, itself first; at most 64 (a chain that bites its own tail ends).
pub fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |link| next(*link)).take(64)
}

fn next<'a>(link: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    if let Some(io) = link.downcast_ref::<io::Error>() {
        return io.get_ref().map(|carried| carried as &(dyn Error + 'static));
    }
    link.source()
}

/// The whole chain in one line, `outer: inner: innermost`, a text that repeats the one before it left out.
///
/// Nothing is escaped here: who writes it to a log escapes it with [`Redact::text`](crate::Redact::text).
pub fn describe(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for link in chain(error) {
        let part = link.to_string();
        if part.is_empty() || text.ends_with(&part) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&part);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt;

    #[derive(Debug)]
    struct Layered(Option<BoxError>);

    impl fmt::Display for Layered {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("layered")
        }
    }

    impl Error for Layered {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.0.as_deref().map(|source| source as _)
        }
    }

    #[derive(Debug, PartialEq)]
    struct Mark(u8);

    impl fmt::Display for Mark {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("mark")
        }
    }

    impl Error for Mark {}

    #[test]
    fn found_at_every_depth_and_inside_io_errors() {
        assert_eq!(find::<Mark>(&Mark(1)), Some(&Mark(1)));
        let deep = Layered(Some(Box::new(io::Error::other(Layered(Some(Box::new(Mark(2))))))));
        assert_eq!(find::<Mark>(&deep), Some(&Mark(2)));
        let carried: BoxError = Box::new(io::Error::other(Mark(3)));
        assert_eq!(find::<Mark>(&*carried), Some(&Mark(3)));
        assert_eq!(find::<Mark>(&Layered(None)), None);
    }

    #[test]
    fn described_in_one_line() {
        let error = Layered(Some(Box::new(io::Error::other(Mark(1)))));
        assert_eq!(describe(&error), "layered: mark");
    }
}
