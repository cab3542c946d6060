//! Pages as one text, with the places where they begin.

use minions_documents::{Place, Places};

use super::{PageText, furniture, hyphens};

/// The text of pages, which end with form feeds, and where they begin.
pub(crate) fn written(mut pages: Vec<PageText>) -> (String, Places) {
    furniture::keep_once(&mut pages);
    hyphens::joined(&mut pages);
    let mut text = String::new();
    let mut characters = 0;
    let mut places = Vec::new();
    for (number, page) in (1..).zip(pages) {
        let start = text.len();
        if number > 1 {
            text.push('\u{c}');
        }
        // The form feed still belongs to the page that it ends.
        places.push((characters + usize::from(number > 1), Place::Page(number)));
        write(&page, &mut text);
        characters += text[start..].chars().count();
    }
    (text, Places::from(places))
}

fn write(page: &PageText, text: &mut String) {
    for (index, line) in page.lines.iter().enumerate() {
        if line.begins && index > 0 {
            text.push('\n');
        }
        text.push_str(&line.text);
        text.push('\n');
    }
    for note in &page.notes {
        text.push('\n');
        text.push_str(note);
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Line;

    #[test]
    fn pages_end_with_form_feeds_and_are_found_by_character() {
        let line = |text: &str, begins| Line { text: text.to_owned(), begins, ..Line::default() };
        let page = |lines: Vec<Line>, notes: &[&str]| PageText {
            lines,
            notes: notes.iter().map(|note| (*note).to_owned()).collect(),
            height: 800.0,
        };
        let (text, places) = written(vec![
            page(vec![line("Grüße", true), line("one", false), line("two", true)], &[]),
            page(vec![], &[]),
            page(vec![line("three", true)], &["[Note: so]"]),
        ]);
        assert_eq!(text, "Grüße\none\n\ntwo\n\u{c}\u{c}three\n\n[Note: so]\n");
        let at = |part: &str| {
            let byte = text.find(part).unwrap();
            places.at(text[..byte].chars().count()).cloned()
        };
        assert_eq!(at("Grüße"), Some(Place::Page(1)));
        assert_eq!(at("two"), Some(Place::Page(1)));
        assert_eq!(at("three"), Some(Place::Page(3)));
        assert_eq!(at("so]"), Some(Place::Page(3)));
    }
}
