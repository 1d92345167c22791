//! HTTP/2 with prior knowledge, on the h2 crate; what h2 would never send goes in between its frames.

mod connection;
mod flood;
mod stream;
mod tap;

pub(crate) use connection::serve;
