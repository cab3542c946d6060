//! The attributes that matter for the text.

use crate::raised::Rise;

const KNOWN: &[&str] = &[
    "alt",
    "checked",
    "close",
    "colspan",
    "hidden",
    "href",
    "id",
    "linethickness",
    "name",
    "open",
    "rowspan",
    "separators",
    "start",
    "style",
    "type",
    "value",
];

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

    /// Whether the element takes no room, and nothing in it does.
    pub(super) fn is_hidden(&self) -> bool {
        let display = self.style("display");
        display.as_deref().map_or(self.get("hidden").is_some(), |display| display == "none")
            || self.style("mso-hide").as_deref() == Some("all")
    }

    /// Whether the text in the element is seen, if its style says so.
    pub(super) fn visibility(&self) -> Option<bool> {
        match self.style("visibility")?.as_str() {
            "visible" => Some(true),
            "hidden" | "collapse" => Some(false),
            _ => None,
        }
    }

    pub(super) fn keeps_space(&self) -> bool {
        self.style("white-space").is_some_and(|space| space.starts_with("pre") || space == "break-spaces")
    }

    /// How the style sets the text to its line.
    pub(super) fn rise(&self) -> Rise {
        match self.style("vertical-align").as_deref() {
            Some("super") => Rise::Raised,
            Some("sub") => Rise::Lowered,
            _ => Rise::Level,
        }
    }

    /// Whether the style strikes the text out.
    pub(super) fn strikes(&self) -> bool {
        let names = ["text-decoration", "text-decoration-line"];
        names.iter().filter_map(|name| self.style(name)).any(|line| line.contains("line-through"))
    }

    /// What a field of a form shows.
    pub(super) fn field(&self) -> Option<&str> {
        let is_checked = self.get("checked").is_some();
        let kind = self.get("type").unwrap_or("text").trim().to_ascii_lowercase();
        match kind.as_str() {
            "hidden" | "password" | "file" | "image" | "color" | "range" => None,
            "checkbox" | "radio" => Some(if is_checked { "[x]" } else { "[ ]" }),
            _ => self.get("value").or(Some("")),
        }
    }

    /// What the style says of a property, in lower case. The last word on it holds.
    fn style(&self, property: &str) -> Option<String> {
        self.get("style")?.rsplit(';').find_map(|declaration| {
            let (name, value) = declaration.split_once(':')?;
            let value = value.split('!').next().unwrap_or_default().trim().to_ascii_lowercase();
            name.trim().eq_ignore_ascii_case(property).then_some(value)
        })
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

    #[test]
    fn a_style_is_what_its_properties_say() {
        for (style, hidden, visible) in [
            ("display:none", true, None),
            ("DISPLAY: None !important", true, None),
            ("display:none;display:block", false, None),
            ("backface-visibility:hidden", false, None),
            ("visibility:hidden", false, Some(false)),
            ("color:red;visibility: visible", false, Some(true)),
            ("visibility:inherit", false, None),
            ("x-display:none", false, None),
            ("background:url(display:none)", false, None),
            ("mso-hide:all", true, None),
            ("", false, None),
        ] {
            let mut attributes = Attributes::default();
            attributes.name(b"style");
            attributes.value(style.as_bytes());
            assert_eq!((attributes.is_hidden(), attributes.visibility()), (hidden, visible), "{style}");
        }
    }
}
