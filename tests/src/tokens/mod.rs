//! Bearer tokens: who issues them, where they are asked for, and who checks them.

mod endpoint;
mod guard;
mod issuer;

pub use endpoint::TokenEndpoint;
pub use guard::Guard;
pub use issuer::Tokens;
