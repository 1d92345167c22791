use std::sync::Arc;

use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, Error};
use rustls_platform_verifier::BuilderVerifierExt;
use tower_intake_core::{BoxError, Permanent, error::find};

/// rustls with the platform's trust, or why that cannot be had.
pub(crate) fn platform_config() -> Result<ClientConfig, Error> {
    let provider = CryptoProvider::get_default()
        .cloned()
        .unwrap_or_else(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth())
}

/// Plain and TLS connections; HTTP/2 is offered by ALPN if asked for.
pub(crate) fn connector(
    http: HttpConnector,
    mut config: ClientConfig,
    http2: bool,
) -> HttpsConnector<HttpConnector> {
    config.alpn_protocols =
        if http2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
    HttpsConnector::from((http, config))
}

/// A certificate that is not trusted will not be trusted next time either: that is no failure to retry.
pub(crate) fn explain(error: BoxError) -> BoxError {
    let Some(tls) = find::<Error>(&*error) else {
        return error;
    };
    match tls {
        Error::InvalidCertificate(why) => Permanent::not_sent(format!(
            "the server's certificate is not trusted: {why:?}; if it is your own authority's, give its root with \
             ClientBuilder::tls_config"
        ))
        .into(),
        _ => error,
    }
}
