//! The query of an address.

use axum::http::Uri;
use reqwest::Url;

/// The value of `key` in the query of `uri`, if it has one; the first of several.
pub(crate) fn query(uri: &Uri, key: &str) -> Option<String> {
    let url = Url::parse(&format!("http://localhost/?{}", uri.query()?)).ok()?;
    url.query_pairs().find(|(name, _)| name == key).map(|(_, value)| value.into_owned())
}
