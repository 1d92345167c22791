use http::{Extensions, HeaderMap, Method, Request, Uri};

/// A request seen without its body.
///
/// A view and not a type parameter, so that functions over requests need not name body types.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RequestHead<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its URI.
    pub uri: &'a Uri,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its extensions.
    pub extensions: &'a Extensions,
}

impl<'a> RequestHead<'a> {
    /// A head from its parts, for who keeps them apart from a request.
    pub fn new(method: &'a Method, uri: &'a Uri, headers: &'a HeaderMap, extensions: &'a Extensions) -> Self {
        Self { method, uri, headers, extensions }
    }

    /// The head of `request`.
    #[inline]
    pub fn of<B>(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }
}
