//! The attributes that matter for the text.

const KNOWN: &[&str] =
    &["alt", "checked", "colspan", "hidden", "href", "open", "rowspan", "start", "style", "type", "value"];

/// The attributes of the tag that is read.
#[derive(Default)]
pub(super) struct Attributes {
    given: Vec<(&'static str, String)>,
    /// Whether the next value belongs to the last of them.
    wanted: bool,
}

impl Attributes {
    pub(super) fn clear(&mut self) {
        self.given.clear();
        self.wanted = false;
    }

    /// Notes an attribute. Of two with the same name the first one holds.
    pub(super) fn name(&mut self, name: &[u8]) {
        let known = KNOWN.iter().find(|known| known.as_bytes() == name);
        let new = known.filter(|known| self.get(known).is_none());
        self.wanted = new.is_some();
        self.given.extend(new.map(|name| (*name, String::new())));
    }

    pub(super) fn value(&mut self, value: &[u8]) {
        if let Some((_, given)) = self.given.last_mut().filter(|_| self.wanted) {
            given.push_str(&String::from_utf8_lossy(value));
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.given.iter().find(|(given, _)| *given == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn number<N: std::str::FromStr>(&self, name: &str) -> Option<N> {
        self.get(name)?.trim().parse().ok()
    }

    pub(super) fn is_hidden(&self) -> bool {
        self.get("hidden").is_some() || self.has_style(&["display:none", "visibility:hidden", "mso-hide:all"])
    }

    pub(super) fn keeps_space(&self) -> bool {
        self.has_style(&["white-space:pre"])
    }

    fn has_style(&self, styles: &[&str]) -> bool {
        let Some(style) = self.get("style") else { return false };
        let style: String = style.chars().filter(|letter| !letter.is_whitespace()).collect();
        let style = style.to_ascii_lowercase();
        styles.iter().any(|wanted| style.contains(wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_attributes_are_kept() {
        let mut attributes = Attributes::default();
        for (name, value) in
            [("style", "Display : none"), ("class", "x"), ("style", "color: red"), ("start", " 7 ")]
        {
            attributes.name(name.as_bytes());
            attributes.value(value.as_bytes());
        }
        assert!(attributes.is_hidden());
        assert_eq!(attributes.number("start"), Some(7));
        assert_eq!(attributes.get("class"), None);
        attributes.clear();
        assert!(!attributes.is_hidden());
    }
}
