use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::token::Token;
use crate::token_error::TokenError;

/// Where tokens come from. An implementation asks once and does not retry: [`Tokens`](crate::Tokens) sees to
/// it that one asks at a time, again where that helps, and not too often.
///
/// Its calls go over a client of its own, never through the stack that carries the data: that one waits for the
/// token.
///
/// ```
/// use tower_intake_auth::{Token, TokenError, TokenSource};
///
/// struct FromFile(std::path::PathBuf);
///
/// impl TokenSource for FromFile {
///     async fn token(&self) -> Result<Token, TokenError> {
///         let text = std::fs::read_to_string(&self.0).map_err(TokenError::transport)?;
///         Ok(Token::new(text.trim())?)
///     }
/// }
/// ```
pub trait TokenSource: Send + Sync + 'static {
    /// A token that is good from now on.
    fn token(&self) -> impl Future<Output = Result<Token, TokenError>> + Send;
}

/// A [`TokenSource`] from a closure; made by [`token_fn`].
#[derive(Clone, Copy)]
pub struct TokenFn<F>(F);

/// Makes a [`TokenSource`] of a closure that returns a future.
///
/// ```
/// use tower_intake_auth::{Token, Tokens, token_fn};
///
/// let tokens = Tokens::new(token_fn(|| async { Ok(Token::new("from somewhere")?) }));
/// # let _ = tokens;
/// ```
pub fn token_fn<F, Fut>(f: F) -> TokenFn<F>
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Token, TokenError>> + Send,
{
    TokenFn(f)
}

impl<F, Fut> TokenSource for TokenFn<F>
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Token, TokenError>> + Send,
{
    fn token(&self) -> impl Future<Output = Result<Token, TokenError>> + Send {
        (self.0)()
    }
}

impl<F> fmt::Debug for TokenFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenFn")
    }
}

/// The same without its type: asked once in many minutes, it may be boxed.
pub(crate) trait AnySource: Send + Sync {
    fn ask(&self) -> Pin<Box<dyn Future<Output = Result<Token, TokenError>> + Send + '_>>;
}

impl<T: TokenSource> AnySource for T {
    fn ask(&self) -> Pin<Box<dyn Future<Output = Result<Token, TokenError>> + Send + '_>> {
        Box::pin(self.token())
    }
}
