//! Documents in the text of a message: what of it is asked, and what is to be read.
//!
//! Clients that know no file parts put a file's text into the message. It would leave this machine with the task, so
//! it is taken out of it and becomes a document; the reply says what was taken for the question.

use crate::serve::error::ApiError;

/// A text with more characters than this is no question alone.
const LONGEST_QUESTION: usize = 8000;
/// A paragraph at the beginning or the end of a long text is the question if it has no more characters than this.
const LONGEST_PARAGRAPH: usize = 1500;
/// How the template of Open WebUI begins, which tells a model how to cite from `<source>` elements.
const TEMPLATE: &str = "### Task:";

/// A document of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pasted {
    pub name: Option<String>,
    pub text: String,
}

/// What a message's text holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    pub question: String,
    pub documents: Vec<Pasted>,
}

/// Takes the documents out of `text`, which stands at `place`.
///
/// # Errors
/// A long text without a short question at either end.
pub(super) fn parts(place: &str, text: &str) -> Result<Parts, ApiError> {
    let Parts { question, mut documents } = sources(text);
    if question.chars().nth(LONGEST_QUESTION).is_none() {
        return Ok(Parts { question, documents });
    }
    let length = question.chars().count();
    let Some((asked, document)) = split(&question) else {
        let message =
            format!("`{place}` has {length} characters, and neither begins nor ends with a short question");
        return Err(ApiError::bad(message).param(place).hint(
            "give the document as a file part or in `minions.context`, or put the question into a paragraph of its own at the end",
        ));
    };
    documents.push(Pasted { name: None, text: document });
    Ok(Parts { question: asked, documents })
}

/// The `<source>` elements within `<context>`, as Open WebUI writes them. Those of one name are one document.
fn sources(text: &str) -> Parts {
    let whole = || Parts { question: text.to_owned(), documents: Vec::new() };
    let Some((before, rest)) = text.split_once("<context>\n") else { return whole() };
    let Some((inside, after)) = rest.rsplit_once("</context>") else { return whole() };
    let mut documents: Vec<Pasted> = Vec::new();
    let mut rest = inside.trim();
    while let Some((tag, body)) = rest.strip_prefix("<source").and_then(|rest| rest.split_once('>')) {
        let end = body.find("</source>\n<source").or_else(|| body.rfind("</source>"));
        let Some(end) = end else { return whole() };
        let name = attribute(tag, "name").map(str::to_owned);
        let text = &body[..end];
        match documents.iter_mut().find(|known| name.is_some() && known.name == name) {
            Some(known) => known.text = format!("{}\n\n{text}", known.text),
            None => documents.push(Pasted { name, text: text.to_owned() }),
        }
        rest = body[end + "</source>".len()..].trim_start();
    }
    if documents.is_empty() || !rest.is_empty() {
        return whole();
    }
    let after = after.replace("<user_query>", "").replace("</user_query>", "");
    // The template's own words are about citing from these elements, which is done here.
    let before = if before.trim_start().starts_with(TEMPLATE) { "" } else { before };
    let question = [before.trim(), after.trim()].join("\n\n").trim().to_owned();
    Parts { question, documents }
}

/// The value of an attribute of a tag.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value).filter(|value| !value.trim().is_empty())
}

/// The question at the beginning or at the end of a long text, and the rest. Where neither of two short paragraphs ends
/// with a question mark, both are the question.
fn split(text: &str) -> Option<(String, String)> {
    let text = text.trim();
    let (first, behind) = text.split_once("\n\n")?;
    let (ahead, last) = text.rsplit_once("\n\n")?;
    let is_short = |paragraph: &str| paragraph.chars().nth(LONGEST_PARAGRAPH).is_none();
    let asks = |paragraph: &str| is_short(paragraph) && paragraph.trim_end().ends_with(['?', '？', '؟']);
    let owned =
        |question: &str, document: &str| Some((question.trim().to_owned(), document.trim().to_owned()));
    match (is_short(first), is_short(last)) {
        _ if asks(last) => owned(last, ahead),
        _ if asks(first) => owned(first, behind),
        (true, true) => owned(&format!("{first}\n\n{last}"), text),
        (true, false) => owned(first, behind),
        (false, true) => owned(last, ahead),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, Vec<(Option<String>, usize)>) {
        let Parts { question, documents } = parts("messages[0].content", text).unwrap();
        (question, documents.into_iter().map(|document| (document.name, document.text.len())).collect())
    }

    #[test]
    fn a_short_text_is_the_question() {
        for text in ["Who signed?", "", "a <context> b", "<context>\nno source\n</context>\nWho?"] {
            assert_eq!(read(text), (text.to_owned(), vec![]));
        }
    }

    #[test]
    fn the_sources_of_open_webui_are_documents() {
        let template = "### Task:\nRespond to the query, citing (e.g., <source id=\"1\">).\n\n<context>\n\
             <source id=\"1\" name=\"a.pdf\">one </source> two</source>\n<source id=\"2\" name=\"b.pdf\">three</source>\n\
             <source id=\"1\" name=\"a.pdf\">four</source>\n</context>\n";
        let documents = vec![(Some("a.pdf".to_owned()), 23), (Some("b.pdf".to_owned()), 5)];
        assert_eq!(read(&format!("{template}\nWho signed?")), ("Who signed?".to_owned(), documents.clone()));
        let older = format!("{template}\n<user_query>\nWho signed?\n</user_query>\n");
        assert_eq!(read(&older), ("Who signed?".to_owned(), documents));
        let own = "Be brief.\n<context>\n<source id=\"1\">x</source>\n</context>\n\nWho?";
        assert_eq!(read(own), ("Be brief.\n\nWho?".to_owned(), vec![(None, 1)]));
    }

    #[test]
    fn a_long_text_has_its_question_at_an_end() {
        let document = "A line of the report, which is long.\n".repeat(400);
        let long = "x".repeat(9000);
        for (text, question) in [
            (format!("{document}\nWho signed it?"), "Who signed it?"),
            (format!("Who signed it?\n\n{document}\nThe end."), "Who signed it?"),
            (format!("Sum it up.\n\n{document}"), "Sum it up."),
            (format!("Title\n\n{document}\nSum it up."), "Title\n\nSum it up."),
            (format!("{long}\n\nSum it up."), "Sum it up."),
        ] {
            let (asked, documents) = read(&text);
            assert_eq!((asked.as_str(), documents.len()), (question, 1));
        }
        let error = parts("messages[1].content", &long).unwrap_err();
        assert_eq!(error.param.as_deref(), Some("messages[1].content"));
        assert!(error.message.contains("has 9000 characters"), "{}", error.message);
    }
}
