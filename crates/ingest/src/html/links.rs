//! The addresses of links.

/// The address of a link that a reader might ask for: of mail and telephones.
pub(super) fn address(href: &str) -> Option<String> {
    let href = href.trim();
    let address = href.strip_prefix("mailto:").or_else(|| href.strip_prefix("tel:"))?;
    let address = address.split('?').next().unwrap_or_default();
    Some(address.to_owned()).filter(|address| !address.is_empty())
}
