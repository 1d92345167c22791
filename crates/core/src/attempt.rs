/// Which attempt of a call this request is, counted from 1.
///
/// The retry layer puts it into the request's extensions from the second attempt on; a request without
/// it is the first attempt, so the happy path pays nothing. Only what was handed to the client counts:
/// an attempt that a local layer refused is not one.
///
/// ```
/// use tower_intake_core::Attempt;
///
/// let mut request = http::Request::new(());
/// assert_eq!(Attempt::of(&request).retries(), 0);
/// request.extensions_mut().insert(Attempt::new(3));
/// assert_eq!(Attempt::of(&request).retries(), 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attempt(u32);

impl Attempt {
    /// The first attempt.
    pub const FIRST: Self = Self(1);

    /// Attempt number `number`, counted from 1; 0 is read as 1.
    pub const fn new(number: u32) -> Self {
        if number == 0 { Self::FIRST } else { Self(number) }
    }

    /// The attempt that `request` is.
    #[inline]
    pub fn of<B>(request: &http::Request<B>) -> Self {
        let extensions = request.extensions();
        if extensions.is_empty() {
            return Self::FIRST;
        }
        extensions.get().copied().unwrap_or(Self::FIRST)
    }

    /// Its number, counted from 1.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// How many attempts of the call were sent before this one: its number − 1.
    pub const fn retries(self) -> u32 {
        self.0 - 1
    }

    /// The attempt after this one; saturates.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}
